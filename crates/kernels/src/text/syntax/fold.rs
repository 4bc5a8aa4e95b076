//! Case folding under `(?i)`.
//!
//! The crates fold by Unicode's simple case folding. So does `re`, but it also treats `i`, `I`, `İ` and `ı` as one letter,
//! folds ASCII alone under `(?a)`, and never folds `\w` and `\W` (U+0345, a mark, folds to the letter ι, so `\W` would match
//! that). Where the two differ, the folded characters are spelled out.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::translator::{Member, Translator};
use crate::text::escape;

/// One letter in `re`.
const DOTTED: &str = "Iiİı";

impl Translator {
    /// Appends a character; under `(?i)`, with those that differ in case.
    pub fn literal(&mut self, literal: char) {
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

    /// Appends `\d`, `\w`, `\s` or its negation.
    pub fn letter_class(&mut self, letter: char) {
        let class = self.set(letter);
        let folds = self.flags.ignore_case && !self.bytes && letter.eq_ignore_ascii_case(&'w');
        self.one(&if folds { format!("(?-i:{class})") } else { class });
    }

    /// Appends a class.
    pub fn brackets(&mut self, negated: bool, members: Vec<Member>) {
        let folds = self.flags.ignore_case && !self.bytes;
        // The crates fold a property, and with it its whole class.
        let spelled = folds && !members.iter().any(|member| matches!(member, Member::Property(_)));
        self.out.push_str(if spelled { "(?-i:[" } else { "[" });
        self.out.push_str(if negated { "^" } else { "" });
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

/// The characters of a range, and all that differ from one of them only in case.
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
