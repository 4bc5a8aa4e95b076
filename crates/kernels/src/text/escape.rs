//! The escapes of `re`, and the spelling of literal characters for the crates. Errors have the messages of `re`.

#[derive(Debug, PartialEq, Eq)]
pub enum Escape {
    Literal(char),
    /// One of `dDsSwW`.
    Class(char),
    /// `\p{…}` or `\P{…}`, unchanged.
    Property(String),
    Start,
    End,
    Boundary,
    NoBoundary,
    Group(usize),
}

/// The characters of a pattern or template, and the place of the next one.
#[derive(Default)]
pub struct Cursor {
    chars: Vec<char>,
    pub at: usize,
    /// Whether each character is a byte.
    pub bytes: bool,
}

impl Cursor {
    pub fn new(text: &str, bytes: bool) -> Self {
        Self { chars: text.chars().collect(), at: 0, bytes }
    }

    pub fn ahead(&self, count: usize) -> Option<char> {
        self.chars.get(self.at + count).copied()
    }

    pub fn peek(&self) -> Option<char> {
        self.ahead(0)
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    pub fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Takes the next characters while they are `wanted`, at most `count`.
    pub fn run(&mut self, count: usize, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        self.at += self.chars.iter().skip(start).take(count).take_while(|char| wanted(**char)).count();
        self.since(start)
    }

    /// The characters from `start` to the next one.
    pub fn since(&self, start: usize) -> String {
        self.chars.get(start..self.at).unwrap_or_default().iter().collect()
    }

    pub fn digits(&mut self) -> String {
        self.run(usize::MAX, |char| char.is_ascii_digit())
    }

    /// Takes the name of a group and the `end` behind it.
    pub fn name(&mut self, end: char) -> Result<String, String> {
        let start = self.at;
        let name = self.run(usize::MAX, |char| char != end);
        match self.take(end) {
            _ if name.is_empty() => Err(error_at("missing group name", start)),
            true => Ok(name),
            false => Err(error_at(format!("missing {end}, unterminated name"), start)),
        }
    }

    /// Reads the escape behind a backslash.
    pub fn escape(&mut self) -> Result<Escape, String> {
        let edge = match self.peek() {
            Some('A') => Escape::Start,
            Some('Z' | 'z') => Escape::End,
            Some('b') => Escape::Boundary,
            Some('B') => Escape::NoBoundary,
            Some('0'..='9') => return self.number(),
            _ => return self.common(),
        };
        self.at += 1;
        Ok(edge)
    }

    /// Reads `\1` to `\99`, a group, or an octal number: one that begins with 0, or of three digits.
    pub fn number(&mut self) -> Result<Escape, String> {
        let digit = |index: usize| self.ahead(index).and_then(|char| char.to_digit(10));
        let (first, second, third) = (digit(0).unwrap_or(0), digit(1), digit(2));
        if first == 0 || first <= 7 && matches!((second, third), (Some(0..=7), Some(0..=7))) {
            return self.octal();
        }
        self.at += 1 + usize::from(second.is_some());
        Ok(Escape::Group(second.map_or(first, |second| first * 10 + second) as usize))
    }

    /// Reads an escape within brackets, where `\b` is a character and groups cannot be referred to.
    pub fn escape_in_class(&mut self) -> Result<Escape, String> {
        match self.peek() {
            Some('0'..='7') => self.octal(),
            Some(digit @ '8'..='9') => Err(error_at(format!("bad escape \\{digit}"), self.at - 1)),
            _ if self.take('b') => Ok(Escape::Literal('\x08')),
            _ => self.common(),
        }
    }

    fn common(&mut self) -> Result<Escape, String> {
        let before = self.at - 1;
        let Some(letter) = self.next() else { return Err(error_at("bad escape (end of pattern)", before)) };
        Ok(Escape::Literal(match letter {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escape::Class(letter)),
            'x' => self.hexadecimal(2)?,
            'u' if !self.bytes => self.hexadecimal(4)?,
            'U' if !self.bytes => self.hexadecimal(8)?,
            'p' | 'P' if !self.bytes => return self.property(),
            'N' if !self.bytes => return Err(error_at("\\N{…} is not known here: write the character", before)),
            letter if letter.is_ascii_alphanumeric() => {
                control(letter).ok_or_else(|| error_at(format!("bad escape \\{letter}"), before))?
            }
            literal => literal,
        }))
    }

    fn octal(&mut self) -> Result<Escape, String> {
        let before = self.at - 1;
        let digits = self.run(3, |char| ('0'..='7').contains(&char));
        let value = u32::from_str_radix(&digits, 8).unwrap_or(0);
        match char::from_u32(value) {
            Some(char) if value <= 0o377 => Ok(Escape::Literal(char)),
            _ => Err(error_at(format!("octal escape value \\{digits} outside of range 0-0o377"), before)),
        }
    }

    /// Reads the digits behind the letter of an escape.
    fn hexadecimal(&mut self, length: usize) -> Result<char, String> {
        let start = self.at - 1;
        let digits = self.run(length, |char| char.is_ascii_hexdigit());
        let text = self.since(start);
        if digits.len() < length {
            return Err(error_at(format!("incomplete escape \\{text}"), start - 1));
        }
        let value = u32::from_str_radix(&digits, 16).unwrap_or(u32::MAX);
        char::from_u32(value).ok_or_else(|| error_at(format!("bad escape \\{text}: no character"), start - 1))
    }

    /// Reads the name behind `\p`.
    fn property(&mut self) -> Result<Escape, String> {
        let start = self.at - 1;
        let ended = if self.take('{') {
            self.run(usize::MAX, |char| char != '}');
            self.take('}')
        } else {
            self.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        };
        if !ended {
            return Err(error_at("unterminated \\p", start - 1));
        }
        let text = self.since(start);
        if text.chars().skip(1).all(|char| char.is_ascii_alphanumeric() || "{}^=:_- ".contains(char)) {
            Ok(Escape::Property(format!("\\{text}")))
        } else {
            Err(error_at("bad name after \\p", start + 1))
        }
    }
}

/// The control character with this letter, in patterns and templates.
pub fn control(letter: char) -> Option<char> {
    let place = "afnrtv".find(letter)?;
    "\x07\x0c\n\r\t\x0b".chars().nth(place)
}

/// The message of an error at a position.
pub fn error_at(message: impl std::fmt::Display, at: usize) -> String {
    format!("{message} at position {at}")
}

/// Appends a character that stands for itself.
pub fn literal(out: &mut String, char: char, bytes: bool) {
    spell(out, char, bytes, r"\.+*?()|[]{}^$");
}

/// Appends a character that stands for itself within brackets, where `&&`, `--` and `~~` have a meaning.
pub fn in_class(out: &mut String, char: char, bytes: bool) {
    spell(out, char, bytes, r"\[]^-&~");
}

fn spell(out: &mut String, char: char, bytes: bool, special: &str) {
    if special.contains(char) {
        out.push('\\');
        out.push(char);
    } else if char.is_control() || bytes && !char.is_ascii() {
        let braces = if bytes { ("", "") } else { ("{", "}") };
        out.push_str(&format!("\\x{}{:02x}{}", braces.0, u32::from(char), braces.1));
    } else {
        out.push(char);
    }
}

#[cfg(test)]
mod tests;
