//! The inline content of one block: text, code and images, and the marks (emphasis, links) that each has.
//!
//! Text is kept escaped in one buffer, cut into segments of equal marks. What is between two segments is white space, and
//! has the marks that both share. So blanks at the edges of an emphasis come to stand outside, an empty one disappears,
//! `<b>a</b><b>b</b>` is one, and a `<b>` around two blocks is one in each.
//!
//! `**` opens only before a word, or after white space or punctuation, and closes the same way round (CommonMark,
//! "left-flanking" and "right-flanking"): `**Note:**text` shows its stars. [`Inline::flank`] looks at each place where
//! marks change without a blank between. It moves punctuation out (`**Note**:text`), and where nothing else would be left
//! inside it writes the letter beside the stars as a reference (`&#97;**!**`), which counts as punctuation.

use super::escape;
use crate::page::Page;

/// Emphasis or a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Strong,
    Emphasis,
    /// By the place of its `<a>` in the page.
    Link(u32),
}

/// The marks of a segment, the outermost first; each kind at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks([Option<Mark>; 3]);

impl Marks {
    /// With one more within, unless one of its kind is there.
    pub fn with(mut self, mark: Mark) -> Self {
        let same = |have: Mark| std::mem::discriminant(&have) == std::mem::discriminant(&mark);
        if !self.iter().any(same)
            && let Some(free) = self.0.iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(mark);
        }
        self
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = Mark> + '_ {
        self.0.iter().copied().flatten()
    }

    fn len(&self) -> usize {
        self.iter().count()
    }

    /// How many of the outermost marks are the same.
    fn shared(&self, other: &Self) -> usize {
        self.iter().zip(other.iter()).take_while(|(one, other)| one == other).count()
    }

    fn first(&self, count: usize) -> Self {
        let mut marks = *self;
        marks.0.iter_mut().skip(count).for_each(|slot| *slot = None);
        marks
    }

    /// Without the emphasis that is within the first `count` marks.
    fn plain_after(&self, count: usize) -> Self {
        let links = self.iter().skip(count).filter(|mark| is_link(*mark));
        links.fold(self.first(count), |marks, link| marks.with(link))
    }
}

/// The emphasis that begins or ends where `shared` marks go on, up to a link: how many marks, and how many stars.
fn stars(marks: &Marks, shared: usize) -> (usize, usize) {
    let run = || marks.iter().skip(shared).take_while(|mark| !is_link(*mark));
    (run().count(), run().map(|mark| if mark == Mark::Strong { 2 } else { 1 }).sum())
}

/// How many marks are outside of a run of three stars that opens after `shared` marks, where `closing` stars end.
fn run_of_three(marks: &Marks, shared: usize, closing: usize) -> Option<usize> {
    let (mut outside, mut stars) = (shared, closing);
    for (index, mark) in marks.iter().enumerate().skip(shared) {
        match mark {
            Mark::Strong => stars += 2,
            Mark::Emphasis => stars += 1,
            Mark::Link(_) => (outside, stars) = (index + 1, 0),
        }
        if stars > 2 {
            return Some(outside);
        }
    }
    None
}

fn is_link(mark: Mark) -> bool {
    matches!(mark, Mark::Link(_))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Escaped text.
    Text,
    /// The content of a code span.
    Code,
    /// An image as it is written.
    Image,
}

/// A part of the buffer with the same marks.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: usize,
    end: usize,
    marks: Marks,
    kind: Kind,
    /// Whether the first and the last letter are written as references.
    refer: [bool; 2],
}

/// White space that is due before the next segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Break,
}

/// The inline content of the block that is being read.
#[derive(Debug, Default)]
pub struct Inline {
    text: String,
    segments: Vec<Segment>,
    gap: Gap,
    flanked: Vec<Segment>,
}

impl Inline {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// White space, or the edge of a block where all must be one line.
    pub fn space(&mut self) {
        self.gap = self.gap.max(Gap::Space);
    }

    /// `<br>`; whether the text ended with one already.
    pub fn line_break(&mut self) -> bool {
        let second = self.gap == Gap::Break;
        self.gap = Gap::Break;
        second
    }

    /// Text of the page.
    pub fn text(&mut self, text: &str, marks: Marks) {
        let edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii() || escape::is_space(*byte));
        let bytes = text.as_bytes();
        if !edge(bytes.first()) && !edge(bytes.last()) {
            return self.words(text, marks);
        }
        // White space at the edges, the no-break space included, stays out of the segment.
        let body = text.trim_start_matches(char::is_whitespace);
        let (before, _) = text.split_at(text.len() - body.len());
        self.spaces(before);
        let (body, after) = body.split_at(body.trim_end_matches(char::is_whitespace).len());
        if !body.is_empty() {
            self.words(body, marks);
            self.spaces(after);
        }
    }

    fn words(&mut self, text: &str, marks: Marks) {
        self.start(marks, Kind::Text);
        escape::text(&mut self.text, text);
        self.end();
    }

    fn spaces(&mut self, text: &str) {
        for char in text.chars() {
            if escape::is_space_char(char) {
                self.space();
            } else if !self.is_empty() {
                self.fill();
                self.text.push(char);
            }
        }
    }

    /// Text within `<code>`.
    pub fn code(&mut self, text: &str, marks: Marks) {
        let body = text.trim_matches(escape::is_space_char);
        if body.is_empty() || text.starts_with(escape::is_space_char) {
            self.space();
        }
        if body.is_empty() {
            return;
        }
        self.start(marks, Kind::Code);
        self.text.extend(body.chars().map(|char| if escape::is_space_char(char) { ' ' } else { char }));
        self.end();
        if text.ends_with(escape::is_space_char) {
            self.space();
        }
    }

    /// `<img>`
    pub fn image(&mut self, source: &str, alt: &str, title: Option<&str>, marks: Marks) {
        self.start(marks, Kind::Image);
        self.text.push_str("![");
        escape::text(&mut self.text, alt.trim_matches(escape::is_space_char));
        self.text.push_str("](");
        escape::destination(&mut self.text, source, title);
        self.text.push(')');
        self.end();
    }

    fn fill(&mut self) {
        match self.gap {
            Gap::None => {}
            Gap::Space => self.text.push(' '),
            Gap::Break => self.text.push_str("  \n"),
        }
        self.gap = Gap::None;
    }

    fn start(&mut self, marks: Marks, kind: Kind) {
        if self.is_empty() {
            self.gap = Gap::None;
        }
        let code_ends = kind == Kind::Code && self.gap == Gap::Break;
        let goes_on = self
            .segments
            .last()
            .is_some_and(|last| last.marks == marks && last.kind == kind && kind != Kind::Image && !code_ends);
        self.fill();
        if !goes_on {
            let at = self.text.len();
            self.segments.push(Segment { start: at, end: at, marks, kind, refer: [false; 2] });
        }
    }

    fn end(&mut self) {
        let end = self.text.len();
        if let Some(last) = self.segments.last_mut() {
            last.end = end;
        }
    }

    /// Writes what there is, and forgets it. `budget` is how many bytes of links there may still be: a link around many
    /// blocks is one in each.
    pub fn write(&mut self, out: &mut String, page: &Page<'_>, budget: &mut usize) {
        match self.segments.as_slice() {
            [only] if only.kind == Kind::Text && only.marks == Marks::default() => {
                out.push_str(self.text.get(only.start..only.end).unwrap_or_default());
            }
            _ => {
                self.flank();
                self.write_marked(out, page, budget);
            }
        }
        self.segments.clear();
        self.text.clear();
        self.gap = Gap::None;
    }

    fn write_marked(&self, out: &mut String, page: &Page<'_>, budget: &mut usize) {
        let mut open = Marks::default();
        let mut link = None;
        let mut at = 0;
        let ending = Segment { start: 0, end: 0, marks: Marks::default(), kind: Kind::Text, refer: [false; 2] };
        for segment in self.flanked.iter().chain(std::iter::once(&ending)) {
            let shared = open.shared(&segment.marks);
            for mark in open.iter().rev().take(open.len() - shared) {
                match mark {
                    Mark::Strong => out.push_str("**"),
                    Mark::Emphasis => out.push('*'),
                    Mark::Link(_) => {
                        if let Some((href, title)) = link.take() {
                            out.push_str("](");
                            escape::destination(out, href, title);
                            out.push(')');
                        }
                    }
                }
            }
            out.push_str(self.text.get(at..segment.start).unwrap_or_default());
            for mark in segment.marks.iter().skip(shared) {
                match mark {
                    Mark::Strong => out.push_str("**"),
                    Mark::Emphasis => out.push('*'),
                    Mark::Link(at) => {
                        link = page.node(at as usize).and_then(|node| {
                            let (href, title) = (page.attr(node, "href")?, page.attr(node, "title"));
                            *budget = budget.checked_sub(href.len() + title.map_or(0, str::len))?;
                            Some((href, title))
                        });
                        if link.is_some() {
                            // `![` would be an image.
                            if out.ends_with('!') {
                                out.pop();
                                out.push_str("\\!");
                            }
                            out.push('[');
                        }
                    }
                }
            }
            open = segment.marks;
            at = segment.end;
            self.write_segment(out, segment);
        }
    }

    fn write_segment(&self, out: &mut String, segment: &Segment) {
        let text = self.shown(segment);
        match segment.kind {
            Kind::Code => escape::code_span(out, text),
            _ if segment.refer == [false; 2] => out.push_str(text),
            _ => {
                let count = text.chars().count();
                for (index, char) in text.chars().enumerate() {
                    let [first, last] = segment.refer;
                    if first && index == 0 || last && index + 1 == count {
                        out.push_str(&format!("&#{};", u32::from(char)));
                    } else {
                        out.push(char);
                    }
                }
            }
        }
    }

    fn shown(&self, segment: &Segment) -> &str {
        self.text.get(segment.start..segment.end).unwrap_or_default()
    }

    /// The segments as they can be written, into `flanked`.
    fn flank(&mut self) {
        let mut flanked = std::mem::take(&mut self.flanked);
        flanked.clear();
        let mut open = Marks::default();
        // How many marks are outside of a run of three stars, while one of its two is open.
        let mut triple = None;
        for segment in &self.segments {
            let mut next = *segment;
            let shared = open.shared(&next.marks);
            triple = triple.filter(|outer| *outer < shared);
            let mut before = flanked.last_mut().filter(|before: &&mut Segment| before.end == next.start);
            let (_, closing) = before.as_ref().map_or((0, 0), |before| stars(&before.marks, shared));
            let (_, opening) = stars(&next.marks, shared);
            // A run of stars that both closes and opens could not be told apart if it were longer than three, nor one that
            // might as well close what is left of a run of three.
            if before.is_some() && opening > 0 && (closing > 0 && closing + opening > 3 || triple.is_some()) {
                next.marks = next.marks.plain_after(shared);
            }
            triple = triple.or_else(|| run_of_three(&next.marks, shared, closing));
            open = next.marks;
            if let Some(before) = &mut before
                && (before.kind, next.kind) == (Kind::Code, Kind::Code)
                && before.marks == next.marks
            {
                // Two code spans that touch are none.
                before.end = next.end;
                continue;
            }
            let (tail, head) = match &mut before {
                Some(before) if before.marks != next.marks => self.part(before, &mut next, shared),
                _ => (None, None),
            };
            flanked.extend(tail);
            flanked.extend(head);
            flanked.push(next);
        }
        self.flanked = flanked;
    }

    /// Makes the marks between two segments that touch each other valid; what is cut off at the end of the first, and
    /// at the start of the second.
    fn part(&self, before: &mut Segment, next: &mut Segment, shared: usize) -> (Option<Segment>, Option<Segment>) {
        let (closing, _) = stars(&before.marks, shared);
        let (opening, _) = stars(&next.marks, shared);
        let closes_link = before.marks.len() > shared + closing;
        let opens_link = next.marks.len() > shared + opening;
        let left = if closes_link { ')' } else { self.last_char(before) };
        let right = |next: &Segment| if opens_link { '[' } else { self.first_char(next) };
        let (mut tail, mut head) = (None, None);
        let ends_word = left.is_alphanumeric() || opening == 0 && opens_link || escape::is_punctuation(right(next));
        if closing > 0 && !ends_word {
            let text = self.shown(before);
            let word = text.char_indices().rfind(|(at, char)| char.is_alphanumeric() && (*at > 0 || !before.refer[0]));
            if let Some((at, char)) = word.filter(|_| before.kind == Kind::Text && !closes_link) {
                let cut = before.start + at + char.len_utf8();
                tail = Some(Segment { start: cut, marks: before.marks.first(shared), refer: [false; 2], ..*before });
                before.end = cut;
            } else {
                next.refer[0] = true;
            }
        }
        let right = right(next);
        let starts_word = right.is_alphanumeric() || closing == 0 && closes_link || escape::is_punctuation(left);
        if opening > 0 && !starts_word {
            let word = self.shown(next).find(char::is_alphanumeric).filter(|_| !next.refer[0]);
            if let Some(at) = word.filter(|_| next.kind == Kind::Text && !opens_link) {
                let cut = next.start + at;
                head = Some(Segment { end: cut, marks: next.marks.first(shared), ..*next });
                next.start = cut;
            } else {
                tail.as_mut().unwrap_or(before).refer[1] = true;
            }
        }
        (tail, head)
    }

    /// The last character as it is written.
    fn last_char(&self, segment: &Segment) -> char {
        let mut chars = self.shown(segment).chars();
        let last = chars.next_back();
        let refers = segment.refer[1] || segment.refer[0] && chars.next().is_none();
        match (segment.kind, last) {
            (Kind::Text, Some(last)) if !refers => last,
            (Kind::Text, _) => ';',
            _ => '`',
        }
    }

    /// The first one.
    fn first_char(&self, segment: &Segment) -> char {
        match (segment.kind, self.shown(segment).chars().next()) {
            (Kind::Text, Some(first)) if !segment.refer[0] => first,
            (Kind::Text, _) => '&',
            _ => '`',
        }
    }
}
