//! The text of a page as a reader sees it.
//!
//! Blocks (paragraphs, headings, items, rows) stand on lines of their own; tabs separate the cells of a row. White space
//! collapses, except in `<pre>` and `<textarea>`. Invisible elements (`<head>`, scripts, styles, templates, `<noscript>`,
//! frames) are left out; style sheets are not read.

use super::page::STOP_INTERVAL;
use super::parse;
use super::tag::{HIDDEN, LINE, Tag};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// The readable text of a document.
pub fn text(html: &str, stop: &Stop) -> Result<String, KernelError> {
    let source = parse::normalize(html)?;
    let page = parse::page(&source, stop)?;
    let mut writer = Writer { out: String::with_capacity(source.len() / 4), gap: Gap::None };
    // End and tag of the open elements that separate or preserve text.
    let mut open: Vec<(usize, Tag)> = Vec::new();
    let mut preserving = 0_usize;
    let mut index = 0;
    let mut steps = 0_usize;
    while let Some(node) = page.node(index) {
        steps += 1;
        if steps.is_multiple_of(STOP_INTERVAL) {
            stop.check()?;
        }
        while let Some((_, tag)) = open.pop_if(|(end, _)| *end <= index) {
            preserving -= usize::from(preserves(tag));
            writer.gap(edge(tag));
        }
        if node.is_text {
            if preserving > 0 { writer.push(page.text(node)) } else { writer.words(page.text(node)) }
        } else if node.tag.is(HIDDEN) {
            index = node.end as usize;
            continue;
        } else if edge(node.tag) != Gap::None {
            writer.gap(edge(node.tag));
            preserving += usize::from(preserves(node.tag));
            open.push((node.end as usize, node.tag));
        }
        index += 1;
    }
    let length = writer.out.trim_end_matches('\n').len();
    writer.out.truncate(length);
    Ok(writer.out)
}

/// The gap at both edges of an element.
fn edge(tag: Tag) -> Gap {
    match tag {
        Tag::Td | Tag::Th => Gap::Tab,
        Tag::Br => Gap::Line,
        Tag::Textarea => Gap::Space,
        tag if tag.is(LINE) => Gap::Line,
        _ => Gap::None,
    }
}

/// Whether an element preserves its white space.
fn preserves(tag: Tag) -> bool {
    matches!(tag, Tag::Pre | Tag::Textarea | Tag::Listing | Tag::Xmp | Tag::Plaintext)
}

/// The separator before the next word. Of several the largest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Tab,
    Line,
}

struct Writer {
    out: String,
    gap: Gap,
}

impl Writer {
    fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Appends text with its white space collapsed.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let word = rest.trim_ascii_start();
            if word.len() < rest.len() {
                self.gap(Gap::Space);
            }
            if word.is_empty() {
                return;
            }
            let end = word.find(|char: char| char.is_ascii_whitespace()).unwrap_or(word.len());
            let (word, after) = word.split_at(end);
            self.push(word);
            rest = after;
        }
    }

    /// Appends text as it stands, after the gap.
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.out.push(' '),
                Gap::Tab => self.out.push('\t'),
                Gap::Line => self.out.push('\n'),
            }
        }
        self.gap = Gap::None;
        self.out.push_str(text);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests;
