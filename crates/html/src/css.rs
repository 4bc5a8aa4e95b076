//! CSS selectors that are matched on the way: from left to right, in one pass over the page.
//!
//! What an element has to know of those before it is a few sets of bits: which beginnings of the selectors matched an
//! ancestor, the parent, an earlier sibling, the previous sibling. So each element costs the same, whatever is around
//! it, where matching from right to left climbs the ancestors of each candidate and, for `a ~ b`, walks all its earlier
//! siblings: quadratic on a list of a million items.
//!
//! Types, classes, ids, attributes, all four combinators, lists, and the pseudo-classes that look at the element and its
//! place are compiled here. For the rest (`:has`, `:nth-last-child`, `:contains` …) [`super::select`] has another way.

mod parser;
#[cfg(test)]
mod tests;

use self::parser::Parser;
use super::page::{Kind, Node, Page, Space};
use super::tag::Tag;

/// A compiled list of selectors.
#[derive(Debug)]
pub struct Program {
    compounds: Vec<Compound>,
    /// Compounds that start a selector.
    starts: u64,
    /// Compounds that end one.
    finals: u64,
    /// Compounds that are followed by white space, `>`, `~`, `+`.
    before_descendant: u64,
    before_child: u64,
    before_later: u64,
    before_next: u64,
}

/// What one element must be.
#[derive(Debug, Default)]
struct Compound {
    name: Option<(Tag, String)>,
    tests: Vec<Test>,
}

#[derive(Debug)]
enum Test {
    Class(String),
    Attr {
        name: String,
        how: How,
        value: String,
        any_case: Option<bool>,
    },
    Not(Vec<Compound>),
    Any(Vec<Compound>),
    /// `:nth-child(an+b)`
    Nth(i64, i64),
    Last,
    Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Present,
    Equal,
    Word,
    Dash,
    Start,
    End,
    Within,
}

/// An element on the way, as seen by its children.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    end: u32,
    descendant: u64,
    child: u64,
    later: u64,
    next: u64,
    /// How many element children there were so far.
    count: u32,
}

impl Program {
    /// Compiles a list of selectors; `None` if there is something in it for the other way.
    pub fn new(css: &str) -> Option<Self> {
        let mut parser = Parser::new(css);
        let mut program = Self {
            compounds: Vec::new(),
            starts: 0,
            finals: 0,
            before_descendant: 0,
            before_child: 0,
            before_later: 0,
            before_next: 0,
        };
        loop {
            parser.space();
            let mut bit = program.add(parser.compound()?)?;
            program.starts |= bit;
            loop {
                let spaced = parser.space();
                match parser.peek() {
                    None | Some(b',') => break,
                    Some(b'>') => program.before_child |= bit,
                    Some(b'~') => program.before_later |= bit,
                    Some(b'+') => program.before_next |= bit,
                    Some(_) if spaced => {
                        program.before_descendant |= bit;
                        bit = program.add(parser.compound()?)?;
                        continue;
                    }
                    Some(_) => return None,
                }
                parser.at += 1;
                parser.space();
                bit = program.add(parser.compound()?)?;
            }
            program.finals |= bit;
            match parser.peek() {
                None => return Some(program),
                Some(_) => parser.at += 1,
            }
        }
    }

    fn add(&mut self, compound: Compound) -> Option<u64> {
        let bit = 1_u64.checked_shl(u32::try_from(self.compounds.len()).ok()?)?;
        self.compounds.push(compound);
        Some(bit)
    }

    /// Tells the indices of the matching elements, in document order, until `found` says to stop.
    pub fn run<E>(&self, page: &Page<'_>, mut found: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        let mut levels = vec![Level { end: u32::MAX, ..Level::default() }];
        for (index, node) in page.nodes.iter().enumerate() {
            if node.kind == Kind::Text {
                continue;
            }
            while levels.len() > 1 && levels.last().is_some_and(|level| level.end as usize <= index) {
                levels.pop();
            }
            let Some(above) = levels.last_mut() else { break };
            above.count += 1;
            let before = above.descendant | above.child | above.later | above.next;
            let mut candidates = before << 1 | self.starts;
            let mut matched = 0;
            let place = Place { page, node, index, count: above.count };
            while candidates != 0 {
                let bit = candidates & candidates.wrapping_neg();
                candidates ^= bit;
                let compound = self.compounds.get(bit.trailing_zeros() as usize);
                if compound.is_some_and(|compound| compound.matches(place)) {
                    matched |= bit;
                }
            }
            above.later |= matched & self.before_later;
            above.next = matched & self.before_next;
            if node.end as usize > index + 1 {
                let descendant = above.descendant | matched & self.before_descendant;
                let child = matched & self.before_child;
                levels.push(Level { end: node.end, descendant, child, ..Level::default() });
            }
            if matched & self.finals != 0 {
                found(index)?;
            }
        }
        Ok(())
    }
}

/// An element and where it is.
#[derive(Clone, Copy)]
struct Place<'a> {
    page: &'a Page<'a>,
    node: &'a Node,
    index: usize,
    count: u32,
}

impl Compound {
    #[inline]
    fn matches(&self, place: Place<'_>) -> bool {
        let named = match &self.name {
            None => true,
            Some((Tag::Other, name)) => place.node.tag == Tag::Other && place.page.text(place.node) == name,
            Some((tag, _)) => place.node.tag == *tag,
        };
        named && self.tests.iter().all(|test| test.holds(place))
    }
}

impl Test {
    fn holds(&self, place: Place<'_>) -> bool {
        let Place { page, node, .. } = place;
        match self {
            Self::Class(class) => {
                page.attr(node, "class").is_some_and(|classes| classes.split_ascii_whitespace().any(|one| one == class))
            }
            Self::Attr { name, how, value, any_case } => {
                let any_case = any_case.unwrap_or(node.space == Space::Html && is_caseless(name));
                page.attr(node, name).is_some_and(|found| how.holds(found, value, any_case))
            }
            Self::Not(compounds) => !compounds.iter().any(|compound| compound.matches(place)),
            Self::Any(compounds) => compounds.iter().any(|compound| compound.matches(place)),
            Self::Nth(step, first) => {
                let distance = i64::from(place.count) - first;
                if *step == 0 { distance == 0 } else { distance % step == 0 && distance / step >= 0 }
            }
            Self::Last => {
                let parent = page.nodes.get(node.parent as usize).map_or(0, |parent| parent.end as usize);
                let after = page.nodes.get(node.end as usize..parent).unwrap_or_default();
                // Texts that follow each other are one node or two.
                !after.iter().any(|node| node.kind == Kind::Element)
            }
            Self::Root => place.index == 0,
        }
    }
}

impl How {
    fn holds(self, found: &str, value: &str, any_case: bool) -> bool {
        if any_case && self != Self::Present {
            return self.holds(&found.to_ascii_lowercase(), &value.to_ascii_lowercase(), false);
        }
        match self {
            Self::Present => true,
            Self::Equal => found == value,
            Self::Word => !value.is_empty() && found.split(is_space).any(|word| word == value),
            Self::Dash => found.strip_prefix(value).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
            Self::Start => !value.is_empty() && found.starts_with(value),
            Self::End => !value.is_empty() && found.ends_with(value),
            Self::Within => !value.is_empty() && found.contains(value),
        }
    }
}

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

/// Attributes of HTML whose values have no case, as the HTML standard lists them for selectors.
fn is_caseless(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-charset"
            | "align"
            | "alink"
            | "axis"
            | "bgcolor"
            | "charset"
            | "checked"
            | "clear"
            | "codetype"
            | "color"
            | "compact"
            | "declare"
            | "defer"
            | "dir"
            | "direction"
            | "disabled"
            | "enctype"
            | "face"
            | "frame"
            | "hreflang"
            | "http-equiv"
            | "lang"
            | "language"
            | "link"
            | "media"
            | "method"
            | "multiple"
            | "nohref"
            | "noresize"
            | "noshade"
            | "nowrap"
            | "readonly"
            | "rel"
            | "rev"
            | "rules"
            | "scope"
            | "scrolling"
            | "selected"
            | "shape"
            | "target"
            | "text"
            | "type"
            | "valign"
            | "valuetype"
            | "vlink"
    )
}
