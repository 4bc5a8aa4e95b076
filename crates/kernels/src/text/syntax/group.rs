//! Parentheses: groups, look-around, flags, references by name.

use super::translator::{ASCII, DOT_ALL, Flags, IGNORE_CASE, MULTI_LINE, Open, Translator, VERBOSE};
use crate::text::escape::error_at;

impl Translator {
    /// Reads the flags for the whole pattern, which may only be at its beginning.
    pub fn global_flags(&mut self) -> Result<(), String> {
        loop {
            let start = self.text.at;
            let begins = self.text.take('(') && self.text.take('?') && self.text.peek().is_some_and(is_flag);
            let (on, off) = if begins { self.flag_letters()? } else { (0, true) };
            if off || !self.text.take(')') {
                self.text.at = start;
                return Ok(());
            }
            if on & IGNORE_CASE != 0 && !self.has(IGNORE_CASE) {
                self.out.push_str("(?i)");
            }
            self.flags |= on;
            self.skip();
        }
    }

    /// Reads the flags up to `-`, `:` or `)`, and whether it was `-`.
    fn flag_letters(&mut self) -> Result<(Flags, bool), String> {
        let mut flags = 0;
        loop {
            let at = self.text.at;
            flags |= match self.text.peek() {
                Some('a') if !self.text.bytes => ASCII,
                Some('a' | 'u') if self.text.bytes == (self.text.peek() == Some('a')) => 0,
                Some('i') => IGNORE_CASE,
                Some('m') => MULTI_LINE,
                Some('s') => DOT_ALL,
                Some('x') => VERBOSE,
                Some(':' | ')') => return Ok((flags, false)),
                Some('-') => return Ok((flags, true)),
                Some(letter @ ('L' | 'u')) => {
                    let kind = if self.text.bytes { "bytes" } else { "str" };
                    return Err(error_at(format!("bad inline flags: '{letter}' with a {kind} pattern"), at));
                }
                Some(_) => return Err(error_at("unknown flag", at)),
                None => return Err(error_at("missing -, : or )", at)),
            };
            self.text.at += 1;
        }
    }

    pub fn group(&mut self, at: usize) -> Result<(), String> {
        if !self.text.take('?') {
            return self.capture(at, None);
        }
        let kind = self.text.next();
        match kind {
            None => Err(error_at("unexpected end of pattern", self.text.at)),
            Some('#') => {
                while let Some(next) = self.text.next() {
                    if next == ')' {
                        return Ok(());
                    }
                }
                Err(error_at("missing ), unterminated comment", at))
            }
            Some(':') => self.enter(at, None, "(?:", self.flags),
            Some('>') => self.hard_group(at, "(?>"),
            Some('=') => self.hard_group(at, "(?="),
            Some('!') => self.hard_group(at, "(?!"),
            Some('<') if self.text.take('=') => self.hard_group(at, "(?<="),
            Some('<') if self.text.take('!') => self.hard_group(at, "(?<!"),
            Some('P') if self.text.take('<') => {
                let name = self.name('>')?;
                if let Some((_, number)) = self.names.iter().find(|(known, _)| *known == name) {
                    let group = self.closed.len() + 1;
                    let message = format!("redefinition of group name '{name}' as group {group}; was group {number}");
                    return Err(error_at(message, at + 4));
                }
                self.capture(at, Some(name))
            }
            Some('P') if self.text.take('=') => {
                let start = self.text.at;
                let name = self.name(')')?;
                let number = self.named(&name, start)?;
                self.reference(number, at)
            }
            Some('(') => self.condition(at),
            Some(letter) if letter == '-' || is_flag(letter) => {
                self.text.at -= 1;
                self.local_flags(at)
            }
            Some('P' | '<') => {
                self.text.next();
                let extension = self.text.since(at + 1);
                Err(error_at(format!("unknown extension {extension}"), at + 1))
            }
            Some(other) => Err(error_at(format!("unknown extension ?{other}"), at + 1)),
        }
    }

    fn name(&mut self, end: char) -> Result<String, String> {
        let start = self.text.at;
        let name = self.text.name(end)?;
        let letter =
            |char: char| char == '_' || if self.text.bytes { char.is_ascii_alphabetic() } else { char.is_alphabetic() };
        let fits = name.chars().enumerate().all(|(index, char)| letter(char) || index > 0 && char.is_numeric());
        if fits { Ok(name) } else { Err(error_at(format!("bad character in group name '{name}'"), start)) }
    }

    fn named(&self, name: &str, at: usize) -> Result<usize, String> {
        let found = self.names.iter().find(|(known, _)| known == name);
        found.map(|(_, number)| *number).ok_or_else(|| error_at(format!("unknown group name '{name}'"), at))
    }

    fn enter(&mut self, at: usize, group: Option<usize>, text: &str, flags: Flags) -> Result<(), String> {
        self.open.push(Open { at, flags: self.flags, group });
        self.flags = flags;
        self.zero_width(text);
        Ok(())
    }

    fn hard_group(&mut self, at: usize, text: &str) -> Result<(), String> {
        self.hard = true;
        self.enter(at, None, text, self.flags)
    }

    fn capture(&mut self, at: usize, name: Option<String>) -> Result<(), String> {
        self.closed.push(false);
        let group = self.closed.len();
        self.names.extend(name.map(|name| (name, group)));
        self.enter(at, Some(group), "(", self.flags)
    }

    fn condition(&mut self, at: usize) -> Result<(), String> {
        let start = self.text.at;
        let digits = self.text.digits();
        let number = if self.text.take(')') && !digits.is_empty() {
            let number = digits.parse().unwrap_or(usize::MAX);
            if number == 0 || number > self.closed.len() {
                return Err(error_at(format!("invalid group reference {number}"), start));
            }
            number
        } else {
            self.text.at = start;
            let name = self.name(')')?;
            self.named(&name, start)?
        };
        self.hard_group(at, &format!("(?({number})"))
    }

    fn local_flags(&mut self, at: usize) -> Result<(), String> {
        let (on, off) = self.flag_letters()?;
        let mut flags = self.flags | on;
        if off {
            self.text.at += 1;
            let (off, again) = self.flag_letters()?;
            if again || off == 0 || off & ASCII != 0 || self.text.peek() == Some(')') {
                return Err(error_at(
                    "bad inline flags: what can be turned off is i, m, s and x, for a group",
                    self.text.at,
                ));
            }
            flags &= !off;
        }
        if self.text.take(')') {
            return Err(error_at("global flags not at the start of the expression", at));
        }
        self.text.at += 1;
        let text = match (self.has(IGNORE_CASE), flags & IGNORE_CASE != 0) {
            (false, true) => "(?i:",
            (true, false) => "(?-i:",
            _ => "(?:",
        };
        self.enter(at, None, text, flags)
    }

    pub fn close(&mut self, at: usize) -> Result<(), String> {
        let open = self.open.pop().ok_or_else(|| error_at("unbalanced parenthesis", at))?;
        self.flags = open.flags;
        if let Some(closed) = open.group.and_then(|group| self.closed.get_mut(group - 1)) {
            *closed = true;
        }
        self.one(")");
        Ok(())
    }
}

fn is_flag(letter: char) -> bool {
    "aiLmsux".contains(letter)
}
