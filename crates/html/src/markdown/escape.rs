//! The escapes of Markdown.

/// White space of HTML, without the no-break space.
pub(super) fn is_space(char: char) -> bool {
    char.is_ascii_whitespace()
}

/// Whether a character is punctuation in every version of CommonMark. Symbols count since 0.31.
pub(super) fn is_punctuation(char: char) -> bool {
    char.is_ascii_punctuation()
        || matches!(
            char,
            '¡' | '§'
                | '«'
                | '¶'
                | '·'
                | '»'
                | '¿'
                | '\u{2010}'..='\u{2027}'
                | '\u{2030}'..='\u{2043}'
                | '\u{3001}'..='\u{3003}'
                | '\u{3008}'..='\u{3011}'
                | '\u{3014}'..='\u{301f}'
                | '\u{ff01}'..='\u{ff03}'
                | '\u{ff05}'..='\u{ff0a}'
                | '\u{ff0c}'..='\u{ff0f}'
                | '\u{ff1a}'
                | '\u{ff1b}'
                | '\u{ff1f}'
        )
}

/// Appends text with its white space collapsed and its special characters escaped.
pub(super) fn text(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\n' | b'\t' | b'\r' | b'\x0c' => {
                let length = 1 + bytes.iter().skip(at + 1).take_while(|byte| byte.is_ascii_whitespace()).count();
                if length > 1 || *byte != b' ' {
                    out.push_str(text.get(copied..at).unwrap_or_default());
                    out.push(' ');
                    copied = at + length;
                }
                at += length;
            }
            b'\\' | b'*' | b'_' | b'`' | b'[' | b']' | b'<' | b'&' | b'~' => {
                if is_special(bytes, at) {
                    out.push_str(text.get(copied..at).unwrap_or_default());
                    out.push('\\');
                    copied = at;
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
}

/// Whether the special character at `at` would be parsed as markup.
fn is_special(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    match bytes.get(at) {
        Some(b'<') => rest.first().is_some_and(|next| next.is_ascii_alphabetic() || b"/!?".contains(next)),
        Some(b'&') => is_reference(rest),
        // Two strike out, three fence code.
        Some(b'~') => rest.first() == Some(&b'~') || at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'~'),
        _ => true,
    }
}

/// Whether `&` before `rest` starts a character reference.
fn is_reference(rest: &[u8]) -> bool {
    let length = rest.iter().take(32).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
    length > 1 && rest.get(length) == Some(&b';')
}

/// The place for a backslash that keeps a line from starting a block.
pub(super) fn line_start(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let ends = |at: usize| bytes.get(at).is_none_or(|byte| *byte == b' ');
    match bytes.first()? {
        b'>' | b'=' => Some(0),
        b'#' => {
            let count = bytes.iter().take_while(|byte| **byte == b'#').count();
            (count < 7 && ends(count)).then_some(0)
        }
        b'+' => ends(1).then_some(0),
        b'-' => (ends(1) || bytes.get(1) == Some(&b'-')).then_some(0),
        b'0'..=b'9' => {
            let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits < 10 && matches!(bytes.get(digits), Some(b'.' | b')')) && ends(digits + 1)).then_some(digits)
        }
        _ => None,
    }
}

/// Appends the destination of a link or an image, and its title.
pub(super) fn destination(out: &mut String, url: &str, title: Option<&str>) {
    let url = url.trim_matches(is_space);
    let angles = url.contains(' ');
    if angles {
        out.push('<');
    }
    for (at, char) in url.char_indices() {
        match char {
            // Browsers drop them.
            '\n' | '\t' | '\r' => continue,
            '(' | ')' | '<' | '>' | '\\' => out.push('\\'),
            '&' if is_reference(url.as_bytes().get(at + 1..).unwrap_or_default()) => out.push('\\'),
            _ => {}
        }
        out.push(char);
    }
    if angles {
        out.push('>');
    }
    let Some(title) = title.filter(|title| !title.trim().is_empty()) else { return };
    out.push_str(" \"");
    for (index, word) in title.split(is_space).filter(|word| !word.is_empty()).enumerate() {
        if index > 0 {
            out.push(' ');
        }
        for (at, char) in word.char_indices() {
            let refers = char == '&' && is_reference(word.as_bytes().get(at + 1..).unwrap_or_default());
            if matches!(char, '"' | '\\') || refers {
                out.push('\\');
            }
            out.push(char);
        }
    }
    out.push('"');
}

/// Appends a code span, fenced by a number of backticks that does not occur in it.
pub(super) fn code_span(out: &mut String, code: &str) {
    let runs = || code.split(|char| char != '`').map(str::len);
    // A bit for each length below 64 that occurs.
    let short = runs().filter(|length| *length < 64).fold(1_u64, |seen, length| seen | 1 << length);
    let fence = match short.trailing_ones() {
        64 => runs().max().unwrap_or_default() + 1,
        free => free as usize,
    };
    let pad = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
    out.extend(std::iter::repeat_n('`', fence));
    out.push_str(pad);
    out.push_str(code);
    out.push_str(pad);
    out.extend(std::iter::repeat_n('`', fence));
}

/// The fence around a code block: longer than any run of backticks within.
pub(super) fn code_fence(code: &str) -> String {
    let longest = code.split(|char| char != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(3.max(longest + 1))
}

#[cfg(test)]
mod tests;
