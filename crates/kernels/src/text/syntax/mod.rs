//! Translates the syntax of `re` to that of the crates. Most is spelled alike, and some of that has another meaning.
//!
//! Translated are: `\Z` and `$` (which in `re` also matches before a final newline), `\w` and `\s` (Python's letters,
//! numbers and spaces are not quite those of Unicode's regular expressions), `(?P=name)`, octal escapes, `{,n}`, brackets
//! within classes, comments and white space of `(?x)`, the flags, `(?a)`, and case folding under `(?i)`. Errors have the
//! messages of `re` and its positions, in characters. `\p{…}` is supported in addition.
//!
//! Look-around, references, conditions, atomic groups and possessive repeats make a pattern *hard*: it needs
//! backtracking.

mod group;
mod translator;

use self::translator::{ASCII, BOUNDARY, DOLLAR, NO_BOUNDARY, Translator};
use super::escape::{Cursor, error_at};

#[derive(Debug)]
pub struct Translated {
    /// `$` matches at the very end only.
    pub pattern: String,
    /// The same for backtracking, whether it is hard or not.
    pub backtracking: String,
    /// For backtracking, with a `$` that matches before a final newline, too: it needs look-ahead. `None` without such a
    /// `$`.
    pub before_newline: Option<String>,
    pub hard: bool,
    pub groups: usize,
    /// The names of groups, with their numbers.
    pub names: Vec<(String, usize)>,
}

/// Translates a pattern. `bytes`: it is one for bytes, given as the characters U+0000 to U+00FF.
pub fn translate(pattern: &str, bytes: bool) -> Result<Translated, String> {
    let mut translator =
        Translator { text: Cursor::new(pattern, bytes), flags: if bytes { ASCII } else { 0 }, ..Translator::default() };
    translator.global_flags()?;
    while let Some(next) = translator.text.next() {
        translator.item(next)?;
    }
    if let Some(open) = translator.open.last() {
        return Err(error_at("missing ), unterminated subpattern", open.at));
    }
    let text = |dollar: &str, hard: bool| {
        let (yes, no) = boundaries(&translator, hard);
        translator.out.replace(BOUNDARY, yes).replace(NO_BOUNDARY, no).replace(DOLLAR, dollar)
    };
    Ok(Translated {
        pattern: text(r"\z", translator.hard),
        backtracking: text(r"\z", true),
        before_newline: translator.out.contains(DOLLAR).then(|| text(r"(?=\n?\z)", true)),
        hard: translator.hard,
        groups: translator.closed.len(),
        names: translator.names.clone(),
    })
}

/// The spelling of `\b` and `\B`. fancy-regex has no flags within a pattern.
fn boundaries(translator: &Translator, hard: bool) -> (&'static str, &'static str) {
    match (translator.has(ASCII) && !translator.text.bytes, hard) {
        (false, _) => (r"\b", r"\B"),
        (true, false) => (r"(?-u:\b)", r"(?-u:\B)"),
        (true, true) => (
            "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
            "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))",
        ),
    }
}

#[cfg(test)]
mod tests;
