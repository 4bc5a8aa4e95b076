//! Where the groups of a match are, told from where the match is.
//!
//! `href="([^"]+)"` begins with six bytes and ends with one, so its group needs no search of its own. That holds for all
//! groups which have only parts of fixed length before or behind them: most patterns that are written for `findall`.
//! (The other way, a second search within the match that keeps track of groups, costs 1.1 to 2 times the first.)

use regex_syntax::hir::{Hir, HirKind};

/// A place within a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// So many bytes behind its start.
    Start(usize),
    /// So many bytes before its end.
    End(usize),
}

/// The start and the end of each group, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape(Vec<(Place, Place)>);

impl Shape {
    /// `None` where a group is within another part, or between parts of unknown length.
    pub fn of(hir: &Hir) -> Option<Self> {
        let whole = [hir.clone()];
        let parts = if let HirKind::Concat(parts) = hir.kind() { parts.as_slice() } else { &whole };
        let mut ahead = behind(parts.iter().rev());
        let mut before = Some(0);
        let mut groups = Vec::new();
        for part in parts {
            let (start, start_from_end) = (before, ahead.pop()?);
            before = before.zip(fixed(part)).map(|(before, length)| before + length);
            let (end, end_from_end) = (before, *ahead.last().unwrap_or(&Some(0)));
            match part.kind() {
                HirKind::Capture(capture) if within(&capture.sub) == 0 => {
                    groups.push((place(start, start_from_end)?, place(end, end_from_end)?));
                }
                _ if within(part) == 0 => {}
                _ => return None,
            }
        }
        Some(Self(groups))
    }

    /// The places of the groups of a match.
    pub fn groups(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
        let at = move |place| match place {
            Place::Start(after) => start + after,
            Place::End(before) => end - before,
        };
        self.0.iter().map(move |(first, last)| (at(*first), at(*last)))
    }
}

/// The lengths from each part's start to the end of all, the last part's first.
fn behind<'a>(parts: impl Iterator<Item = &'a Hir>) -> Vec<Option<usize>> {
    let mut length = Some(0);
    let lengths = parts.map(|part| {
        length = length.zip(fixed(part)).map(|(length, more)| length + more);
        length
    });
    lengths.collect()
}

/// The length of all that it matches, if it is always the same.
pub fn fixed(part: &Hir) -> Option<usize> {
    let properties = part.properties();
    properties.minimum_len().filter(|least| properties.maximum_len() == Some(*least))
}

fn within(part: &Hir) -> usize {
    part.properties().explicit_captures_len()
}

fn place(from_start: Option<usize>, from_end: Option<usize>) -> Option<Place> {
    from_start.map(Place::Start).or(from_end.map(Place::End))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<(Place, Place)>> {
        Shape::of(&regex_syntax::parse(pattern).unwrap()).map(|shape| shape.0)
    }

    #[test]
    fn told() {
        assert_eq!(of("a+"), Some(vec![]));
        assert_eq!(of("(a+)"), Some(vec![(Place::Start(0), Place::End(0))]));
        assert_eq!(of(r#"href="([^"]+)""#), Some(vec![(Place::Start(6), Place::End(1))]));
        let date = [(Place::Start(0), Place::Start(4)), (Place::Start(5), Place::Start(7))];
        assert_eq!(of(r"([0-9]{4})-([0-9]{2})"), Some(date.to_vec()));
        assert_eq!(of(r"\b(a)b+c(d)"), Some(vec![(Place::Start(0), Place::Start(1)), (Place::End(1), Place::End(0))]));
        let all = Shape::of(&regex_syntax::parse("x([0-9]+)yz").unwrap()).unwrap();
        assert_eq!(all.groups(10, 20).collect::<Vec<_>>(), [(11, 18)]);
    }

    #[test]
    fn not_told() {
        for pattern in ["(a)?b", "(a)|b", "((a)b)", "a+(b)c+", "(?:a(b))+", "(é|x)+?z(a)b*"] {
            assert_eq!(of(pattern), None, "{pattern}");
        }
    }
}
