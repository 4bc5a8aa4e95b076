//! The escapes of `re`, and the spelling of literal characters for the crates.

/// The meaning of an escape.
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

/// Reads an escape; `at` is behind its backslash.
pub fn read(chars: &[char], at: &mut usize, bytes: bool) -> Result<Escape, String> {
    let start = *at;
    let Some(letter) = chars.get(start) else { return Err(error_at("bad escape (end of pattern)", start - 1)) };
    *at += 1;
    match letter {
        'A' => Ok(Escape::Start),
        'Z' | 'z' => Ok(Escape::End),
        'b' => Ok(Escape::Boundary),
        'B' => Ok(Escape::NoBoundary),
        _ => {
            *at = start;
            if letter.is_ascii_digit() { digits(chars, at) } else { common(chars, at, bytes) }
        }
    }
}

/// Reads `\1` to `\99`, a group, or an octal number: one that begins with 0, or of three digits.
pub fn digits(chars: &[char], at: &mut usize) -> Result<Escape, String> {
    let start = *at;
    let digit = |index: usize| chars.get(start + index).and_then(|char| char.to_digit(10));
    let (first, second, third) = (digit(0).unwrap_or(0), digit(1), digit(2));
    if first == 0 || first <= 7 && matches!((second, third), (Some(0..=7), Some(0..=7))) {
        return octal(chars, at, start);
    }
    *at += 1 + usize::from(second.is_some());
    Ok(Escape::Group(second.map_or(first, |second| first * 10 + second) as usize))
}

/// Reads an escape within brackets, where `\b` is a character and groups cannot be referred to.
pub fn read_in_class(chars: &[char], at: &mut usize, bytes: bool) -> Result<Escape, String> {
    let start = *at;
    match chars.get(start) {
        None => Err(error_at("bad escape (end of pattern)", start - 1)),
        Some('b') => {
            *at += 1;
            Ok(Escape::Literal('\x08'))
        }
        Some('0'..='7') => octal(chars, at, start),
        Some(digit @ '8'..='9') => Err(error_at(format!("bad escape \\{digit}"), start - 1)),
        Some(_) => common(chars, at, bytes),
    }
}

fn common(chars: &[char], at: &mut usize, bytes: bool) -> Result<Escape, String> {
    let start = *at;
    let Some(letter) = chars.get(start).copied() else {
        return Err(error_at("bad escape (end of pattern)", start - 1));
    };
    *at += 1;
    Ok(Escape::Literal(match letter {
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escape::Class(letter)),
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => hexadecimal(chars, at, start, 2)?,
        'u' if !bytes => hexadecimal(chars, at, start, 4)?,
        'U' if !bytes => hexadecimal(chars, at, start, 8)?,
        'p' | 'P' if !bytes => return property(chars, at, start),
        'N' if !bytes => return Err(error_at("\\N{…} is not known here: write the character", start - 1)),
        letter if letter.is_ascii_alphanumeric() => return Err(error_at(format!("bad escape \\{letter}"), start - 1)),
        literal => literal,
    }))
}

fn octal(chars: &[char], at: &mut usize, start: usize) -> Result<Escape, String> {
    let digits: String = chars.iter().skip(start).take(3).take_while(|char| ('0'..='7').contains(*char)).collect();
    *at = start + digits.len();
    let value = u32::from_str_radix(&digits, 8).unwrap_or(0);
    match char::from_u32(value) {
        Some(char) if value <= 0o377 => Ok(Escape::Literal(char)),
        _ => Err(error_at(format!("octal escape value \\{digits} outside of range 0-0o377"), start - 1)),
    }
}

fn hexadecimal(chars: &[char], at: &mut usize, start: usize, length: usize) -> Result<char, String> {
    let digits: String =
        chars.iter().skip(start + 1).take(length).take_while(|char| char.is_ascii_hexdigit()).collect();
    *at = start + 1 + digits.len();
    let text: String = chars.get(start..*at).unwrap_or_default().iter().collect();
    if digits.len() < length {
        return Err(error_at(format!("incomplete escape \\{text}"), start - 1));
    }
    let value = u32::from_str_radix(&digits, 16).unwrap_or(u32::MAX);
    char::from_u32(value).ok_or_else(|| error_at(format!("bad escape \\{text}: no character"), start - 1))
}

fn property(chars: &[char], at: &mut usize, start: usize) -> Result<Escape, String> {
    let rest = chars.get(start..).unwrap_or_default();
    let length = match rest.get(1) {
        Some('{') => rest.iter().position(|char| *char == '}').map(|end| end + 1),
        Some(letter) if letter.is_ascii_alphabetic() => Some(2),
        _ => None,
    };
    let length = length.ok_or_else(|| error_at("unterminated \\p", start - 1))?;
    *at = start + length;
    let text: String = rest.iter().take(length).collect();
    let name = text.get(1..).unwrap_or_default();
    if name.chars().all(|char| char.is_ascii_alphanumeric() || "{}^=:_- ".contains(char)) {
        Ok(Escape::Property(format!("\\{text}")))
    } else {
        Err(error_at("bad name after \\p", start + 1))
    }
}

/// The message of an error at a position.
pub fn error_at(message: impl std::fmt::Display, at: usize) -> String {
    format!("{message} at position {at}")
}

/// Appends a character that stands for itself.
pub fn literal(out: &mut String, char: char, bytes: bool) {
    if r"\.+*?()|[]{}^$".contains(char) {
        out.push('\\');
        out.push(char);
    } else {
        plain(out, char, bytes);
    }
}

/// Appends a character that stands for itself within brackets, where `&&`, `--` and `~~` have a meaning.
pub fn in_class(out: &mut String, char: char, bytes: bool) {
    if r"\[]^-&~".contains(char) {
        out.push('\\');
        out.push(char);
    } else {
        plain(out, char, bytes);
    }
}

fn plain(out: &mut String, char: char, bytes: bool) {
    if char.is_control() || bytes && !char.is_ascii() {
        let braces = if bytes { ("", "") } else { ("{", "}") };
        out.push_str(&format!("\\x{}{:02x}{}", braces.0, u32::from(char), braces.1));
    } else {
        out.push(char);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(Escape, usize), String> {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 1;
        read(&chars, &mut at, false).map(|escape| (escape, at))
    }

    #[test]
    fn numbers_are_groups_or_octal() {
        assert_eq!(of(r"\1").unwrap(), (Escape::Group(1), 2));
        assert_eq!(of(r"\12x").unwrap(), (Escape::Group(12), 3));
        assert_eq!(of(r"\123").unwrap(), (Escape::Literal('S'), 4));
        assert_eq!(of(r"\129").unwrap(), (Escape::Group(12), 3));
        assert_eq!(of(r"\0").unwrap(), (Escape::Literal('\0'), 2));
        assert_eq!(of(r"\01234").unwrap(), (Escape::Literal('\n'), 4));
        assert_eq!(of(r"\777").unwrap_err(), r"octal escape value \777 outside of range 0-0o377 at position 0");
    }

    #[test]
    fn letters() {
        assert_eq!(of(r"\x41").unwrap(), (Escape::Literal('A'), 4));
        assert_eq!(of(r"\u20ac").unwrap(), (Escape::Literal('€'), 6));
        assert_eq!(of(r"\U0001f600").unwrap(), (Escape::Literal('😀'), 10));
        assert_eq!(of(r"\p{Lu}").unwrap(), (Escape::Property(r"\p{Lu}".into()), 6));
        assert_eq!(of(r"\x4").unwrap_err(), r"incomplete escape \x4 at position 0");
        assert_eq!(of(r"\ud800").unwrap_err(), r"bad escape \ud800: no character at position 0");
        assert_eq!(of(r"\q").unwrap_err(), r"bad escape \q at position 0");
        assert_eq!(of(r"\").unwrap_err(), "bad escape (end of pattern) at position 0");
        assert_eq!(of(r"\é").unwrap(), (Escape::Literal('é'), 2));
    }
}
