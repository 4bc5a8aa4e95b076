//! `(?i)`: which characters are the same but for their case.
//!
//! The crates fold by Unicode's simple folding. So does `re`, which also takes `i`, `I`, `İ` and `ı` for one letter; it
//! folds ASCII alone under `(?a)`, and never `\w` and `\W` (U+0345, a mark, folds to the letter ι: `\W` would match it).
//! So what differs is spelled out, and not folded again.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::Translator;
use crate::text::escape;

/// One letter in `re`.
const DOTTED: &str = "Iiİı";

/// What stands in brackets.
pub(super) enum Member {
    /// A character, or those up to another.
    Range(char, char),
    /// A class of its own.
    Set(String),
    /// `\p{…}`, which the crates fold.
    Property(String),
}

impl Translator {
    /// Appends a character, which under `(?i)` stands for several.
    pub(super) fn literal(&mut self, literal: char) {
        let text = self.flags.ignore_case && !self.bytes;
        if text && !self.flags.ascii && DOTTED.contains(literal) {
            self.one(&format!("[{DOTTED}]"));
        } else if text && self.flags.ascii && (literal.is_ascii_alphabetic() || !literal.is_ascii()) {
            self.brackets(false, vec![Member::Range(literal, literal)]);
        } else {
            escape::literal(&mut self.out, literal, self.bytes);
            self.one("");
        }
    }

    /// Appends `\d`, `\w`, `\s` or the opposite of one.
    pub(super) fn letter_class(&mut self, letter: char) {
        let class = self.set(letter);
        let folds = self.flags.ignore_case && !self.bytes && letter.eq_ignore_ascii_case(&'w');
        self.one(&if folds { format!("(?-i:{class})") } else { class });
    }

    /// Appends a class.
    pub(super) fn brackets(&mut self, opposite: bool, members: Vec<Member>) {
        let ours = self.flags.ignore_case && !self.bytes;
        // A property is folded by the crates, and with it the class that it is in.
        let spelled = ours && !members.iter().any(|member| matches!(member, Member::Property(_)));
        self.out.push_str(if spelled { "(?-i:[" } else { "[" });
        self.out.push_str(if opposite { "^" } else { "" });
        for member in members {
            match member {
                Member::Set(text) | Member::Property(text) => self.out.push_str(&text),
                Member::Range(low, high) if spelled => {
                    for (low, high) in folded(low, high, self.flags.ascii) {
                        self.range(low, high);
                    }
                }
                Member::Range(low, high) => self.range(low, high),
            }
        }
        self.one(if spelled { "])" } else { "]" });
    }

    fn range(&mut self, low: char, high: char) {
        escape::in_class(&mut self.out, low, self.bytes);
        if low < high {
            self.out.push('-');
            escape::in_class(&mut self.out, high, self.bytes);
        }
    }
}

/// The characters of a range and all that differ from them in case only.
fn folded(low: char, high: char, ascii: bool) -> Vec<(char, char)> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(low, high)]);
    let mut of_ascii = ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]);
    if ascii {
        of_ascii.intersect(&class);
        of_ascii.case_fold_simple();
        of_ascii.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
        class.union(&of_ascii);
    } else {
        if DOTTED.chars().any(|char| (low..=high).contains(&char)) {
            class.union(&ClassUnicode::new(DOTTED.chars().map(|char| ClassUnicodeRange::new(char, char))));
        }
        class.case_fold_simple();
    }
    class.ranges().iter().map(|range| (range.start(), range.end())).collect()
}
