//! The blocks of the Markdown: the lines between them, and the prefix of each line in quotes and lists.
//!
//! A list item and a quote put a prefix before each line within. The marker of an item is written with the first line of its
//! first block, so an empty item leaves nothing. An item stays open until the next one: in `<ul><li>a</li><ul>…` the inner
//! list is part of `a`.

use super::escape;

/// Nesting of lists and quotes, as each puts a prefix before every line. Deeper ones are not indented.
const MAX_DEPTH: usize = 12;

/// The greatest number of an item in CommonMark.
const MAX_NUMBER: u32 = 999_999_999;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct List {
    /// The number of the next item in a numbered list.
    number: Option<u32>,
    /// The bullet, or the end of a number.
    sign: char,
    in_item: bool,
}

/// A quote or a list.
#[derive(Clone, Copy, Debug)]
struct Container {
    /// The length of the prefix outside.
    base: usize,
    list: Option<List>,
}

/// The marker of an item that is still empty.
#[derive(Clone, Copy, Debug)]
struct Marker {
    /// Its place in the prefix.
    at: usize,
    number: Option<u32>,
    sign: char,
    width: usize,
}

/// The Markdown so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) out: String,
    prefix: String,
    containers: Vec<Container>,
    markers: Vec<Marker>,
    /// Whether an empty line precedes the next block even if it is an item.
    loose: bool,
    /// The shortest prefix since the last block: the prefix of the empty line before the next.
    floor: usize,
    /// The list that ended after the last block, and its base. A list that follows needs another sign.
    closed: Option<(usize, List)>,
}

impl Blocks {
    pub(super) fn new(capacity: usize) -> Self {
        Self { out: String::with_capacity(capacity), ..Self::default() }
    }

    /// Puts an empty line before the next block, except at the start of an item.
    pub(super) fn separate(&mut self) {
        self.loose |= self.markers.is_empty();
    }

    /// Begins the first line of a block.
    pub(super) fn begin(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
            // Without an empty line two blocks would be one paragraph.
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
    pub(super) fn next_line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&self.prefix);
    }

    /// Writes a fenced code block.
    pub(super) fn code(&mut self, code: &str, language: &str) {
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

    /// Writes a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
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

    /// Writes a thematic break.
    pub(super) fn rule(&mut self) {
        self.begin();
        // `*   * * *` would be one break, not an item with a break.
        let in_list = self.containers.iter().any(|container| container.list.is_some());
        self.out.push_str(if in_list { "_ _ _" } else { "* * *" });
    }

    /// Opens a quote, unless nested too deep.
    pub(super) fn open_quote(&mut self) -> bool {
        self.separate();
        let fits = self.containers.len() < MAX_DEPTH;
        if fits {
            self.containers.push(Container { base: self.prefix.len(), list: None });
            self.prefix.push_str("> ");
        }
        fits
    }

    /// Opens a list whose first item has `number`, unless nested too deep.
    pub(super) fn open_list(&mut self, number: Option<u32>) -> bool {
        let in_item = self.containers.last().is_some_and(|last| last.list.is_some() && self.prefix.len() > last.base);
        if !in_item || number.is_some_and(|number| number != 1) {
            // Only a list that starts with 1 may interrupt a paragraph.
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

    /// Opens the next item of the current list, if there is one without an open item.
    pub(super) fn open_item(&mut self) -> bool {
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

    pub(super) fn close_item(&mut self) {
        if let Some(list) = self.containers.last_mut().and_then(|last| last.list.as_mut()) {
            list.in_item = false;
        }
    }

    /// Closes the innermost list or quote.
    pub(super) fn close(&mut self) {
        let Some(container) = self.containers.pop() else { return };
        self.cut(container.base);
        match container.list {
            Some(list) => self.closed = Some((container.base, list)),
            None => self.separate(),
        }
    }

    /// Closes an item outside a list; a next one continues it.
    pub(super) fn close_orphan(&mut self) {
        self.close();
        self.closed = None;
    }

    fn base(&self) -> usize {
        self.containers.last().map_or(0, |last| last.base)
    }

    /// Cuts the prefix to `base` bytes.
    fn cut(&mut self, base: usize) {
        self.prefix.truncate(base);
        self.floor = self.floor.min(base);
        while self.markers.pop_if(|marker| marker.at >= base).is_some() {}
    }
}
