//! The blocks of the result: what is between them, and what each line begins with in quotes and lists.
//!
//! A list's item and a quote put a prefix before each line within. The marker of an item is kept until its first block is
//! written: it stands in that block's first line, and an item without content leaves nothing. An item stays open until
//! the next one, so what stands between two items belongs to the first: `<ul><li>a</li><ul>…` is a list within `a`.

use super::escape;

/// How deep lists and quotes nest: each puts its prefix before every line. What is deeper is not indented.
const MAX_DEPTH: usize = 12;

/// The greatest number that an item may have.
const MAX_NUMBER: u32 = 999_999_999;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct List {
    /// The number of the next item, if they are numbered.
    number: Option<u32>,
    /// What the marker is, or ends with.
    sign: char,
    /// Whether an item is being read.
    in_item: bool,
}

/// A quote or a list.
#[derive(Clone, Copy, Debug)]
struct Container {
    /// The length of the prefix outside of it.
    base: usize,
    list: Option<List>,
}

/// The marker of an item that has nothing written yet.
#[derive(Clone, Copy, Debug)]
struct Marker {
    /// Where in the prefix it stands.
    at: usize,
    number: Option<u32>,
    sign: char,
    width: usize,
}

/// What is written so far.
#[derive(Debug, Default)]
pub struct Blocks {
    /// The result.
    pub out: String,
    prefix: String,
    containers: Vec<Container>,
    markers: Vec<Marker>,
    /// Whether an item that follows is separated by an empty line.
    loose: bool,
    /// The shortest prefix since the last block: that of the empty line before the next.
    floor: usize,
    /// The list that was closed after the last block, and where: one that follows needs another sign.
    closed: Option<(usize, List)>,
}

impl Blocks {
    /// Empty, with room for as many bytes.
    pub fn new(capacity: usize) -> Self {
        Self { out: String::with_capacity(capacity), ..Self::default() }
    }

    /// A block ends or begins: an empty line must be between. At the start of an item there is nothing to separate.
    pub fn separate(&mut self) {
        self.loose |= self.markers.is_empty();
    }

    /// Begins the first line of a block.
    pub fn begin(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
            // Blocks that are no items always are apart: lines that follow each other are one paragraph.
            if self.loose || self.markers.is_empty() {
                self.out.push_str(self.prefix.get(..self.floor).unwrap_or_default().trim_end());
                self.out.push('\n');
            }
        }
        let mut at = 0;
        for marker in self.markers.drain(..) {
            self.out.push_str(self.prefix.get(at..marker.at).unwrap_or_default());
            let start = self.out.len();
            if let Some(number) = marker.number {
                self.out.push_str(&number.to_string());
            }
            self.out.push(marker.sign);
            let written = self.out.len() - start;
            self.out.extend(std::iter::repeat_n(' ', marker.width - written));
            at = marker.at + marker.width;
        }
        self.out.push_str(self.prefix.get(at..).unwrap_or_default());
        (self.loose, self.floor, self.closed) = (false, self.prefix.len(), None);
    }

    /// Begins the next line of the block.
    pub fn next_line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&self.prefix);
    }

    /// Code, as it stands.
    pub fn code(&mut self, code: &str, language: &str) {
        let fence = escape::code_fence(code);
        self.begin();
        self.out.push_str(&fence);
        self.out.push_str(language);
        for line in code.split('\n') {
            if line.is_empty() {
                self.out.push('\n');
                self.out.push_str(self.prefix.trim_end());
            } else {
                self.next_line();
                self.out.push_str(line);
            }
        }
        self.next_line();
        self.out.push_str(&fence);
    }

    /// A block of text, which may have several lines.
    pub fn paragraph(&mut self, text: &str) {
        self.begin();
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.next_line();
            }
            let escaped = escape::line_start(line).and_then(|at| line.split_at_checked(at));
            let (before, after) = escaped.unwrap_or(("", line));
            self.out.push_str(before);
            if escaped.is_some() {
                self.out.push('\\');
            }
            self.out.push_str(after);
        }
    }

    /// `<hr>`
    pub fn rule(&mut self) {
        self.begin();
        // Stars after the marker of an item would make one rule of both.
        let in_list = self.containers.iter().any(|container| container.list.is_some());
        self.out.push_str(if in_list { "_ _ _" } else { "* * *" });
    }

    /// `<blockquote>`; whether it may be one.
    pub fn open_quote(&mut self) -> bool {
        self.separate();
        let fits = self.containers.len() < MAX_DEPTH;
        if fits {
            self.containers.push(Container { base: self.prefix.len(), list: None });
            self.prefix.push_str("> ");
        }
        fits
    }

    /// A list whose first item has the number; whether it may be one.
    pub fn open_list(&mut self, number: Option<u32>) -> bool {
        let in_item = self.containers.last().is_some_and(|last| last.list.is_some() && self.prefix.len() > last.base);
        if !in_item || number.is_some_and(|number| number != 1) {
            // Only a list that starts with 1 may follow a paragraph's line.
            self.separate();
        }
        let fits = self.containers.len() < MAX_DEPTH;
        if fits {
            let base = self.prefix.len();
            let after = self.closed.filter(|(at, list)| *at == base && list.number.is_some() == number.is_some());
            let sign = match (number, after.map(|(_, list)| list.sign)) {
                (Some(_), Some('.')) => ')',
                (Some(_), _) => '.',
                (None, Some('*')) => '-',
                (None, _) => '*',
            };
            let list = List { number: number.map(|number| number.min(MAX_NUMBER)), sign, in_item: false };
            self.containers.push(Container { base, list: Some(list) });
        }
        fits
    }

    /// `<li>`: the next item of the list, if this is its place.
    pub fn open_item(&mut self) -> bool {
        let base = self.base();
        let Some(list) = self.containers.last_mut().and_then(|last| last.list.as_mut()).filter(|list| !list.in_item)
        else {
            return false;
        };
        let (number, sign) = (list.number, list.sign);
        list.in_item = true;
        list.number = number.map(|number| (number + 1).min(MAX_NUMBER));
        self.closed = None;
        let width = number.map_or(4, |number| number.to_string().len() + 3);
        self.cut(base);
        self.markers.push(Marker { at: base, number, sign, width });
        self.prefix.extend(std::iter::repeat_n(' ', width));
        true
    }

    /// `</li>`
    pub fn close_item(&mut self) {
        if let Some(list) = self.containers.last_mut().and_then(|last| last.list.as_mut()) {
            list.in_item = false;
        }
    }

    /// The end of the innermost list or quote.
    pub fn close(&mut self) {
        let Some(container) = self.containers.pop() else { return };
        self.cut(container.base);
        match container.list {
            Some(list) => self.closed = Some((container.base, list)),
            None => self.separate(),
        }
    }

    /// The end of an item that was in no list; the next one belongs to it.
    pub fn close_orphan(&mut self) {
        self.close();
        self.closed = None;
    }

    fn base(&self) -> usize {
        self.containers.last().map_or(0, |last| last.base)
    }

    /// Leaves what is within a prefix of this length.
    fn cut(&mut self, base: usize) {
        self.prefix.truncate(base);
        self.floor = self.floor.min(base);
        while self.markers.pop_if(|marker| marker.at >= base).is_some() {}
    }
}
