//! Translates the syntax of `re` to that of the crates. Most is spelled alike, and some of that has another meaning.
//!
//! Translated are: `\Z` and `$` (which in `re` also matches before a final newline), `\w` and `\s` (Python's letters,
//! numbers and spaces are not quite those of Unicode's regular expressions), `(?P=name)`, octal escapes, `{,n}`, brackets
//! within classes, comments and white space of `(?x)`, the flags, `(?a)`, and case folding under `(?i)`. Errors have the
//! messages of `re` and its positions, in characters. `\p{…}` is supported in addition.
//!
//! Look-around, references, conditions, atomic groups and possessive repeats make a pattern *hard*: it needs
//! backtracking.

mod fold;
mod group;
mod item;
mod translator;

use self::translator::{BOUNDARY, DOLLAR, Flags, NO_BOUNDARY, Preceding, Translator};
use super::escape::error_at;

/// A pattern in the syntax of the crates.
#[derive(Debug)]
pub struct Translated {
    /// `$` matches at the very end only.
    pub pattern: String,
    /// The same for backtracking, whether it is hard or not.
    pub backtracking: String,
    /// For backtracking, with a `$` that matches before a final newline, too: it needs look-ahead. `None` without such a
    /// `$`.
    pub before_newline: Option<String>,
    /// Whether the pattern needs backtracking.
    pub hard: bool,
    /// The number of groups.
    pub groups: usize,
    /// The names of groups, with their numbers.
    pub names: Vec<(String, usize)>,
}

/// Translates a pattern. `bytes`: it is one for bytes, given as the characters U+0000 to U+00FF.
pub fn translate(pattern: &str, bytes: bool) -> Result<Translated, String> {
    let mut translator = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        bytes,
        flags: Flags { ascii: bytes, ..Flags::default() },
        preceding: Preceding::Nothing,
        open: Vec::new(),
        closed: Vec::new(),
        names: Vec::new(),
        out: String::new(),
        hard: false,
    };
    translator.global_flags()?;
    while let Some(next) = translator.next() {
        translator.item(next)?;
    }
    if let Some(open) = translator.open.last() {
        return Err(error_at("missing ), unterminated subpattern", open.at));
    }
    Ok(finish(&translator))
}

fn finish(translator: &Translator) -> Translated {
    let text = |dollar: &str, hard: bool| {
        let (yes, no) = boundaries(translator, hard);
        translator.out.replace(BOUNDARY, yes).replace(NO_BOUNDARY, no).replace(DOLLAR, dollar)
    };
    Translated {
        pattern: text(r"\z", translator.hard),
        backtracking: text(r"\z", true),
        before_newline: translator.out.contains(DOLLAR).then(|| text(r"(?=\n?\z)", true)),
        hard: translator.hard,
        groups: translator.closed.len(),
        names: translator.names.clone(),
    }
}

/// The spelling of `\b` and `\B`. fancy-regex has no flags within a pattern.
fn boundaries(translator: &Translator, hard: bool) -> (&'static str, &'static str) {
    match (translator.flags.ascii && !translator.bytes, hard) {
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
