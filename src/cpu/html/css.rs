//! CSS selectors that are matched on the way: from left to right, in one pass over the page.
//!
//! What an element has to know of those before it is a few sets of bits: which beginnings of the selectors matched an
//! ancestor, the parent, an earlier sibling, the previous sibling. So each element costs the same, whatever is around
//! it, where matching from right to left climbs the ancestors of each candidate and, for `a ~ b`, walks all its earlier
//! siblings: quadratic on a list of a million items.
//!
//! Types, classes, ids, attributes, all four combinators, lists, and the pseudo-classes that look at the element and its
//! place are compiled here. For the rest (`:has`, `:nth-last-child`, `:contains` …) [`super::select`] has another way.

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
        let mut parser = Parser { css, at: 0 };
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

struct Parser<'a> {
    css: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.css.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.css.get(self.at..).unwrap_or_default()
    }

    /// Skips white space; whether there was any.
    fn space(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(is_space).len();
        self.at += length;
        length > 0
    }

    fn eat(&mut self, what: &str) -> bool {
        let eaten = self.rest().starts_with(what);
        self.at += if eaten { what.len() } else { 0 };
        eaten
    }

    /// A name without escapes.
    fn ident(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_') || !char.is_ascii();
        let length = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let starts = name.trim_start_matches('-');
        let fine =
            !starts.is_empty() && !starts.starts_with(|char: char| char.is_ascii_digit()) && !name.starts_with("--");
        if !fine || after.starts_with('\\') {
            return None;
        }
        self.at += length;
        Some(name)
    }

    fn compound(&mut self) -> Option<Compound> {
        let mut compound = Compound::default();
        let start = self.at;
        match self.peek()? {
            b'*' => self.at += 1,
            byte if byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-' || !byte.is_ascii() => {
                let name = self.ident()?;
                // Elements of SVG have upper case, those of HTML are compared without: too fine for here.
                if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return None;
                }
                compound.name = Some((Tag::of(name), name.to_owned()));
            }
            _ => {}
        }
        loop {
            match self.peek() {
                Some(b'.') => {
                    self.at += 1;
                    compound.tests.push(Test::Class(self.ident()?.to_owned()));
                }
                Some(b'#') => {
                    self.at += 1;
                    let value = self.ident()?.to_owned();
                    compound.tests.push(Test::Attr {
                        name: "id".into(),
                        how: How::Equal,
                        value,
                        any_case: Some(false),
                    });
                }
                Some(b'[') => {
                    self.at += 1;
                    compound.tests.push(self.attr()?);
                }
                Some(b':') => {
                    self.at += 1;
                    self.pseudo(&mut compound.tests)?;
                }
                Some(b'|') => return None,
                _ => return (self.at > start).then_some(compound),
            }
        }
    }

    fn attr(&mut self) -> Option<Test> {
        self.space();
        let name = self.ident()?;
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let name = name.to_owned();
        self.space();
        let how = [
            ("=", How::Equal),
            ("~=", How::Word),
            ("|=", How::Dash),
            ("^=", How::Start),
            ("$=", How::End),
            ("*=", How::Within),
        ]
        .into_iter()
        .find_map(|(sign, how)| self.eat(sign).then_some(how));
        let Some(how) = how else {
            return self.eat("]").then_some(Test::Attr {
                name,
                how: How::Present,
                value: String::new(),
                any_case: Some(false),
            });
        };
        self.space();
        let value = match self.peek()? {
            quote @ (b'"' | b'\'') => {
                let inner = self.rest().get(1..)?;
                let value = inner.get(..inner.find(char::from(quote))?)?;
                if value.contains(['\\', '\n', '\r', '\x0c']) {
                    return None;
                }
                self.at += value.len() + 2;
                value
            }
            _ => self.ident()?,
        };
        self.space();
        let any_case = match self.peek()? {
            b'i' | b'I' => Some(true),
            b's' | b'S' => Some(false),
            _ => None,
        };
        if any_case.is_some() {
            self.at += 1;
            self.space();
        }
        self.eat("]").then(|| Test::Attr { name, how, value: value.to_owned(), any_case })
    }

    fn pseudo(&mut self, tests: &mut Vec<Test>) -> Option<()> {
        let name = self.ident()?.to_ascii_lowercase();
        let test = match name.as_str() {
            "first-child" => Test::Nth(0, 1),
            "last-child" => Test::Last,
            "only-child" => {
                tests.push(Test::Last);
                Test::Nth(0, 1)
            }
            "root" => Test::Root,
            "not" => Test::Not(self.compounds()?),
            "is" | "where" => Test::Any(self.compounds()?),
            "nth-child" => self.nth()?,
            _ => return None,
        };
        tests.push(test);
        Some(())
    }

    /// `(a, b.c)`; no combinators.
    fn compounds(&mut self) -> Option<Vec<Compound>> {
        if !self.eat("(") {
            return None;
        }
        let mut compounds = Vec::new();
        loop {
            self.space();
            compounds.push(self.compound()?);
            self.space();
            if self.eat(")") {
                return Some(compounds);
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    /// `(odd)`, `(3)`, `(2n+1)`, `(-n + 3)`.
    fn nth(&mut self) -> Option<Test> {
        let rest = self.rest().strip_prefix('(')?;
        let inner = rest.get(..rest.find(')')?)?;
        self.at += inner.len() + 2;
        let text = inner.trim_matches(is_space).to_ascii_lowercase();
        match text.as_str() {
            "odd" => return Some(Test::Nth(2, 1)),
            "even" => return Some(Test::Nth(2, 0)),
            _ => {}
        }
        let number = |text: &str| -> Option<i64> {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let plain = !digits.is_empty() && digits.len() < 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse().ok() } else { None }
        };
        let Some((step, first)) = text.split_once('n') else {
            return Some(Test::Nth(0, number(&text)?));
        };
        let step = match step {
            "" | "+" => 1,
            "-" => -1,
            step => number(step)?,
        };
        let first = first.trim_matches(is_space);
        if first.is_empty() {
            return Some(Test::Nth(step, 0));
        }
        let sign = first.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
        let digits = first.get(1..)?.trim_start_matches(is_space);
        if digits.starts_with(['+', '-']) {
            return None;
        }
        Some(Test::Nth(step, if sign == '-' { -number(digits)? } else { number(digits)? }))
    }
}
