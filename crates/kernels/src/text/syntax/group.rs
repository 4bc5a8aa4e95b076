//! Parentheses: groups, look-around, flags, references by name.

use super::translator::{Flags, Open, Translator};
use crate::text::escape::error_at;

impl Translator {
    /// Reads the flags for the whole pattern, which may only be at its beginning.
    pub fn global_flags(&mut self) -> Result<(), String> {
        while self.starts_with("(?") && self.chars.get(self.at + 2).is_some_and(|char| "aiLmsux".contains(*char)) {
            let start = self.at;
            self.at += 2;
            let (on, off) = self.flag_letters()?;
            if off || !self.take(')') {
                self.at = start;
                return Ok(());
            }
            if on.ignore_case && !self.flags.ignore_case {
                self.out.push_str("(?i)");
            }
            self.flags = merge(self.flags, on);
            self.skip();
        }
        Ok(())
    }

    /// Reads the flags up to `-`, `:` or `)`, and whether it was `-`.
    fn flag_letters(&mut self) -> Result<(Flags, bool), String> {
        let mut flags = Flags::default();
        loop {
            let at = self.at;
            match self.peek() {
                Some('a') if !self.bytes => flags.ascii = true,
                Some('a' | 'u') if self.bytes == (self.peek() == Some('a')) => {}
                Some('i') => flags.ignore_case = true,
                Some('m') => flags.multi_line = true,
                Some('s') => flags.dot_all = true,
                Some('x') => flags.verbose = true,
                Some(':' | ')') => return Ok((flags, false)),
                Some('-') => return Ok((flags, true)),
                Some(letter @ ('L' | 'u')) => {
                    let kind = if self.bytes { "bytes" } else { "str" };
                    return Err(error_at(format!("bad inline flags: '{letter}' with a {kind} pattern"), at));
                }
                Some(_) => return Err(error_at("unknown flag", at)),
                None => return Err(error_at("missing -, : or )", at)),
            }
            self.at += 1;
        }
    }

    pub fn group(&mut self, at: usize) -> Result<(), String> {
        if !self.take('?') {
            return self.capture(at, None);
        }
        let kind = self.next();
        match kind {
            None => Err(error_at("unexpected end of pattern", self.at)),
            Some('#') => {
                while let Some(next) = self.next() {
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
            Some('<') if self.take('=') => self.hard_group(at, "(?<="),
            Some('<') if self.take('!') => self.hard_group(at, "(?<!"),
            Some('P') if self.take('<') => {
                let name = self.name('>')?;
                if let Some((_, number)) = self.names.iter().find(|(known, _)| *known == name) {
                    let group = self.closed.len() + 1;
                    let message = format!("redefinition of group name '{name}' as group {group}; was group {number}");
                    return Err(error_at(message, at + 4));
                }
                self.capture(at, Some(name))
            }
            Some('P') if self.take('=') => {
                let start = self.at;
                let name = self.name(')')?;
                let number = self.named(&name, start)?;
                self.reference(number, at)
            }
            Some('(') => self.condition(at),
            Some(letter) if letter == '-' || letter.is_ascii_alphabetic() && "aiLmsux".contains(letter) => {
                self.at -= 1;
                self.local_flags(at)
            }
            Some('P' | '<') => {
                let extension: String = self.chars.get(at + 1..self.at + 1).unwrap_or_default().iter().collect();
                Err(error_at(format!("unknown extension {extension}"), at + 1))
            }
            Some(other) => Err(error_at(format!("unknown extension ?{other}"), at + 1)),
        }
    }

    fn name(&mut self, end: char) -> Result<String, String> {
        let start = self.at;
        let mut name = String::new();
        loop {
            match self.next() {
                None if name.is_empty() => return Err(error_at("missing group name", start)),
                None => return Err(error_at(format!("missing {end}, unterminated name"), start)),
                Some(char) if char == end => break,
                Some(char) => name.push(char),
            }
        }
        if name.is_empty() {
            return Err(error_at("missing group name", start));
        }
        let letter =
            |char: char| char == '_' || if self.bytes { char.is_ascii_alphabetic() } else { char.is_alphabetic() };
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
        let start = self.at;
        let digits = self.digits();
        let number = if self.take(')') && !digits.is_empty() {
            let number = digits.parse().unwrap_or(usize::MAX);
            if number == 0 || number > self.closed.len() {
                return Err(error_at(format!("invalid group reference {number}"), start));
            }
            number
        } else {
            self.at = start;
            let name = self.name(')')?;
            self.named(&name, start)?
        };
        self.hard_group(at, &format!("(?({number})"))
    }

    fn local_flags(&mut self, at: usize) -> Result<(), String> {
        let (on, off) = self.flag_letters()?;
        let mut flags = merge(self.flags, on);
        if off {
            self.at += 1;
            let (off, again) = self.flag_letters()?;
            if again || off == Flags::default() || off.ascii || self.peek() == Some(')') {
                return Err(error_at(
                    "bad inline flags: what can be turned off is i, m, s and x, for a group",
                    self.at,
                ));
            }
            flags.dot_all &= !off.dot_all;
            flags.ignore_case &= !off.ignore_case;
            flags.multi_line &= !off.multi_line;
            flags.verbose &= !off.verbose;
        }
        if self.take(')') {
            return Err(error_at("global flags not at the start of the expression", at));
        }
        self.at += 1;
        let text = match (self.flags.ignore_case, flags.ignore_case) {
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

fn merge(flags: Flags, on: Flags) -> Flags {
    Flags {
        ascii: flags.ascii || on.ascii,
        dot_all: flags.dot_all || on.dot_all,
        ignore_case: flags.ignore_case || on.ignore_case,
        multi_line: flags.multi_line || on.multi_line,
        verbose: flags.verbose || on.verbose,
    }
}
