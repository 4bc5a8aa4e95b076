//! The inline content of one block: text, code and images, and the styles (emphasis, links) of each.
//!
//! Text is kept escaped in one buffer, cut into segments of equal styles. Between two segments is only white space, which
//! has the styles that both share. So spaces at the edges of an emphasis move outside, an empty emphasis disappears,
//! `<b>a</b><b>b</b>` is one, and a `<b>` around two blocks is one in each.
//!
//! In CommonMark `**` opens only before a word, or after white space or punctuation, and closes the other way round ("left-
//! flanking", "right-flanking"): `**Note:**text` shows its asterisks. [`Inline::flank`] checks each place where styles
//! change without a space. It moves punctuation out (`**Note**:text`); where nothing else would be left inside, it writes
//! the letter beside the asterisks as a character reference (`&#97;**!**`), which counts as punctuation.

use super::escape::{self, is_space};
use crate::page::Page;

/// Emphasis or a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Strong,
    Emphasis,
    /// The index of its `<a>` in the page.
    Link(u32),
}

impl Style {
    /// The delimiter of an emphasis.
    fn asterisks(self) -> &'static str {
        match self {
            Self::Strong => "**",
            Self::Emphasis => "*",
            Self::Link(_) => "",
        }
    }
}

/// The styles of a segment, outermost first, each kind at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Styles([Option<Style>; 3]);

impl Styles {
    /// Adds an inner style, unless one of its kind is there.
    pub(super) fn with(mut self, style: Style) -> Self {
        let same = |have: Style| std::mem::discriminant(&have) == std::mem::discriminant(&style);
        if !self.iter().any(same)
            && let Some(free) = self.0.iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(style);
        }
        self
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = Style> + '_ {
        self.0.iter().copied().flatten()
    }

    fn len(&self) -> usize {
        self.iter().count()
    }

    /// The number of outermost styles that both have.
    fn shared(&self, other: &Self) -> usize {
        self.iter().zip(other.iter()).take_while(|(one, other)| one == other).count()
    }

    fn first(&self, count: usize) -> Self {
        let mut styles = *self;
        styles.0.iter_mut().skip(count).for_each(|slot| *slot = None);
        styles
    }

    /// Without the emphasis inside the first `count` styles.
    fn plain_after(&self, count: usize) -> Self {
        let links = self.iter().skip(count).filter(|style| is_link(*style));
        links.fold(self.first(count), |styles, link| styles.with(link))
    }
}

/// The emphasis inside the first `shared` styles, up to a link: the number of styles and of asterisks.
fn asterisks(styles: &Styles, shared: usize) -> (usize, usize) {
    let run = || styles.iter().skip(shared).take_while(|style| !is_link(*style));
    (run().count(), run().map(|style| style.asterisks().len()).sum())
}

/// The number of styles outside a run of three asterisks that opens after `shared` styles, next to `closing` others.
fn run_of_three(styles: &Styles, shared: usize, closing: usize) -> Option<usize> {
    let (mut outside, mut asterisks) = (shared, closing);
    for (index, style) in styles.iter().enumerate().skip(shared) {
        asterisks += style.asterisks().len();
        if is_link(style) {
            (outside, asterisks) = (index + 1, 0);
        }
        if asterisks > 2 {
            return Some(outside);
        }
    }
    None
}

fn is_link(style: Style) -> bool {
    matches!(style, Style::Link(_))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Escaped text.
    Text,
    /// The content of a code span.
    Code,
    /// An image in its syntax.
    Image,
}

/// A part of the buffer with the same styles.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: usize,
    end: usize,
    styles: Styles,
    kind: Kind,
    /// Whether the first and the last character are written as character references.
    refer: [bool; 2],
}

/// The white space before the next segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Break,
}

/// The inline content of the current block.
#[derive(Debug, Default)]
pub(super) struct Inline {
    text: String,
    segments: Vec<Segment>,
    gap: Gap,
    flanked: Vec<Segment>,
}

impl Inline {
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Adds white space.
    pub(super) fn space(&mut self) {
        self.gap = self.gap.max(Gap::Space);
    }

    /// Adds a line break; whether there was one already.
    pub(super) fn line_break(&mut self) -> bool {
        let second = self.gap == Gap::Break;
        self.gap = Gap::Break;
        second
    }

    /// Adds text of the page.
    pub(super) fn text(&mut self, text: &str, styles: Styles) {
        let edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii() || byte.is_ascii_whitespace());
        let bytes = text.as_bytes();
        if !edge(bytes.first()) && !edge(bytes.last()) {
            return self.words(text, styles);
        }
        // White space at the edges stays outside the segment, even a no-break space.
        let body = text.trim_start_matches(char::is_whitespace);
        let (before, _) = text.split_at(text.len() - body.len());
        self.spaces(before);
        let (body, after) = body.split_at(body.trim_end_matches(char::is_whitespace).len());
        if !body.is_empty() {
            self.words(body, styles);
            self.spaces(after);
        }
    }

    fn words(&mut self, text: &str, styles: Styles) {
        self.start(styles, Kind::Text);
        escape::text(&mut self.text, text);
        self.end();
    }

    fn spaces(&mut self, text: &str) {
        for char in text.chars() {
            if is_space(char) {
                self.space();
            } else if !self.is_empty() {
                self.fill();
                self.text.push(char);
            }
        }
    }

    /// Adds text within `<code>`.
    pub(super) fn code(&mut self, text: &str, styles: Styles) {
        let body = text.trim_matches(is_space);
        if body.is_empty() || text.starts_with(is_space) {
            self.space();
        }
        if body.is_empty() {
            return;
        }
        self.start(styles, Kind::Code);
        self.text.extend(body.chars().map(|char| if is_space(char) { ' ' } else { char }));
        self.end();
        if text.ends_with(is_space) {
            self.space();
        }
    }

    /// Adds an image.
    pub(super) fn image(&mut self, source: &str, alt: &str, title: Option<&str>, styles: Styles) {
        self.start(styles, Kind::Image);
        self.text.push_str("![");
        escape::text(&mut self.text, alt.trim_matches(is_space));
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

    fn start(&mut self, styles: Styles, kind: Kind) {
        if self.is_empty() {
            self.gap = Gap::None;
        }
        let code_ends = kind == Kind::Code && self.gap == Gap::Break;
        let goes_on = self
            .segments
            .last()
            .is_some_and(|last| last.styles == styles && last.kind == kind && kind != Kind::Image && !code_ends);
        self.fill();
        if !goes_on {
            let at = self.text.len();
            self.segments.push(Segment { start: at, end: at, styles, kind, refer: [false; 2] });
        }
    }

    fn end(&mut self) {
        let end = self.text.len();
        if let Some(last) = self.segments.last_mut() {
            last.end = end;
        }
    }

    /// Writes the content and clears it. `budget` is in bytes of links: a link around many blocks is repeated in each.
    pub(super) fn write(&mut self, out: &mut String, page: &Page<'_>, budget: &mut usize) {
        match self.segments.as_slice() {
            [only] if only.kind == Kind::Text && only.styles == Styles::default() => {
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
        let mut open = Styles::default();
        let mut link = None;
        let mut at = 0;
        let ending = Segment { start: 0, end: 0, styles: Styles::default(), kind: Kind::Text, refer: [false; 2] };
        for segment in self.flanked.iter().chain(std::iter::once(&ending)) {
            let shared = open.shared(&segment.styles);
            for style in open.iter().rev().take(open.len() - shared) {
                out.push_str(style.asterisks());
                if is_link(style)
                    && let Some((href, title)) = link.take()
                {
                    out.push_str("](");
                    escape::destination(out, href, title);
                    out.push(')');
                }
            }
            out.push_str(self.text.get(at..segment.start).unwrap_or_default());
            for style in segment.styles.iter().skip(shared) {
                out.push_str(style.asterisks());
                let Style::Link(at) = style else { continue };
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
            open = segment.styles;
            at = segment.end;
            self.write_segment(out, segment);
        }
    }

    fn write_segment(&self, out: &mut String, segment: &Segment) {
        let text = self.text_of(segment);
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

    fn text_of(&self, segment: &Segment) -> &str {
        self.text.get(segment.start..segment.end).unwrap_or_default()
    }

    /// Writes segments with valid delimiters into `flanked`.
    fn flank(&mut self) {
        let mut flanked = std::mem::take(&mut self.flanked);
        flanked.clear();
        let mut open = Styles::default();
        // The number of styles outside a run of three asterisks, while one of its two styles is open.
        let mut triple = None;
        for segment in &self.segments {
            let mut next = *segment;
            let shared = open.shared(&next.styles);
            triple = triple.filter(|outer| *outer < shared);
            let mut before = flanked.last_mut().filter(|before: &&mut Segment| before.end == next.start);
            let (_, closing) = before.as_ref().map_or((0, 0), |before| asterisks(&before.styles, shared));
            let (_, opening) = asterisks(&next.styles, shared);
            // Ambiguous: a run of more than three asterisks that closes and opens, and one that could also close the rest of
            // a run of three.
            if before.is_some() && opening > 0 && (closing > 0 && closing + opening > 3 || triple.is_some()) {
                next.styles = next.styles.plain_after(shared);
            }
            triple = triple.or_else(|| run_of_three(&next.styles, shared, closing));
            open = next.styles;
            if let Some(before) = &mut before
                && (before.kind, next.kind) == (Kind::Code, Kind::Code)
                && before.styles == next.styles
            {
                // Adjacent code spans would not be parsed as such.
                before.end = next.end;
                continue;
            }
            let (tail, head) = match &mut before {
                Some(before) if before.styles != next.styles => self.separate(before, &mut next, shared),
                _ => (None, None),
            };
            flanked.extend(tail);
            flanked.extend(head);
            flanked.push(next);
        }
        self.flanked = flanked;
    }

    /// Makes the delimiters between two adjacent segments valid. Returns the parts cut off at the end of the first and at the
    /// start of the second.
    fn separate(&self, before: &mut Segment, next: &mut Segment, shared: usize) -> (Option<Segment>, Option<Segment>) {
        let (closing, _) = asterisks(&before.styles, shared);
        let (opening, _) = asterisks(&next.styles, shared);
        let closes_link = before.styles.len() > shared + closing;
        let opens_link = next.styles.len() > shared + opening;
        let left = if closes_link { ')' } else { self.last_char(before) };
        let right = |next: &Segment| if opens_link { '[' } else { self.first_char(next) };
        let (mut tail, mut head) = (None, None);
        let ends_word = left.is_alphanumeric() || opening == 0 && opens_link || escape::is_punctuation(right(next));
        if closing > 0 && !ends_word {
            let text = self.text_of(before);
            let word = text.char_indices().rfind(|(at, char)| char.is_alphanumeric() && (*at > 0 || !before.refer[0]));
            if let Some((at, char)) = word.filter(|_| before.kind == Kind::Text && !closes_link) {
                let cut = before.start + at + char.len_utf8();
                tail = Some(Segment { start: cut, styles: before.styles.first(shared), refer: [false; 2], ..*before });
                before.end = cut;
            } else {
                next.refer[0] = true;
            }
        }
        let right = right(next);
        let starts_word = right.is_alphanumeric() || closing == 0 && closes_link || escape::is_punctuation(left);
        if opening > 0 && !starts_word {
            let word = self.text_of(next).find(char::is_alphanumeric).filter(|_| !next.refer[0]);
            if let Some(at) = word.filter(|_| next.kind == Kind::Text && !opens_link) {
                let cut = next.start + at;
                head = Some(Segment { end: cut, styles: next.styles.first(shared), ..*next });
                next.start = cut;
            } else {
                tail.as_mut().unwrap_or(before).refer[1] = true;
            }
        }
        (tail, head)
    }

    /// The last character in the output.
    fn last_char(&self, segment: &Segment) -> char {
        let mut chars = self.text_of(segment).chars();
        let last = chars.next_back();
        let refers = segment.refer[1] || segment.refer[0] && chars.next().is_none();
        match (segment.kind, last) {
            (Kind::Text, Some(last)) if !refers => last,
            (Kind::Text, _) => ';',
            _ => '`',
        }
    }

    /// The first character in the output.
    fn first_char(&self, segment: &Segment) -> char {
        match (segment.kind, self.text_of(segment).chars().next()) {
            (Kind::Text, Some(first)) if !segment.refer[0] => first,
            (Kind::Text, _) => '&',
            _ => '`',
        }
    }
}
