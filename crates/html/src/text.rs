//! The text of a page as people read it.
//!
//! Blocks (paragraphs, headings, items, rows) stand on lines of their own, the cells of a row are separated by tabs.
//! White space is one space, but in `<pre>` and `<textarea>`. What is not shown (`<head>`, scripts, styles, templates,
//! `<noscript>`, frames) is left out; no style sheet is looked at.

use super::page::{Kind, Page};
use super::parse;
use super::tag::{HIDDEN, LINE, Tag};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// After so many nodes it is asked whether to stop.
const LOOK: usize = 4096;

/// The readable text of a document.
pub fn text(html: &str, stop: &Stop) -> Result<String, KernelError> {
    let source = parse::normal(html)?;
    let page = parse::page(&source, stop)?;
    of(&page, stop)
}

/// The readable text of a page.
pub fn of(page: &Page<'_>, stop: &Stop) -> Result<String, KernelError> {
    let mut writer = Writer { out: String::with_capacity(page.strings.source.len() / 4), gap: Gap::None };
    // The open elements that change something at their end.
    let mut open: Vec<(usize, Tag)> = Vec::new();
    let mut kept = 0_usize;
    let mut index = 0;
    let mut steps = 0_usize;
    while let Some(node) = page.node(index) {
        steps += 1;
        if steps.is_multiple_of(LOOK) {
            stop.check()?;
        }
        while let Some((_, tag)) = open.pop_if(|(end, _)| *end <= index) {
            kept -= usize::from(keeps(tag));
            writer.gap(edge(tag));
        }
        if node.kind == Kind::Text {
            if kept > 0 {
                writer.keep(page.text(node))
            } else {
                writer.words(page.text(node))
            }
            index += 1;
            continue;
        }
        if node.tag.is(HIDDEN) {
            index = node.end as usize;
            continue;
        }
        let gap = edge(node.tag);
        writer.gap(gap);
        if gap != Gap::None {
            kept += usize::from(keeps(node.tag));
            open.push((node.end as usize, node.tag));
        }
        index += 1;
    }
    let length = writer.out.trim_end_matches('\n').len();
    writer.out.truncate(length);
    Ok(writer.out)
}

/// What separates an element from what is before and after it.
fn edge(tag: Tag) -> Gap {
    match tag {
        Tag::Td | Tag::Th => Gap::Tab,
        Tag::Br => Gap::Line,
        Tag::Textarea => Gap::Space,
        tag if tag.is(LINE) => Gap::Line,
        _ => Gap::None,
    }
}

/// Whether white space is kept within.
fn keeps(tag: Tag) -> bool {
    matches!(tag, Tag::Pre | Tag::Textarea | Tag::Listing | Tag::Xmp | Tag::Plaintext)
}

/// What is due before the next word, the largest wins.
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

    fn fill(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.out.push(' '),
                Gap::Tab => self.out.push('\t'),
                Gap::Line => self.out.push('\n'),
            }
        }
        self.gap = Gap::None;
    }

    fn words(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let word = rest.trim_start_matches(is_space);
            if word.len() < rest.len() {
                self.gap(Gap::Space);
            }
            if word.is_empty() {
                return;
            }
            let end = word.find(is_space).unwrap_or(word.len());
            let (word, after) = word.split_at(end);
            self.fill();
            self.out.push_str(word);
            rest = after;
        }
    }

    fn keep(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.fill();
        self.out.push_str(text);
    }
}

/// What HTML takes for white space; not the no-break space.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\n' | '\t' | '\r' | '\x0c')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        text(html, &Stop::default()).unwrap()
    }

    #[test]
    fn blocks_stand_on_lines_of_their_own() {
        assert_eq!(shown("<h1>A</h1><p>b <b>c</b>\n d<p>e<br>f<ul><li>g<li>h</ul>i"), "A\nb c d\ne\nf\ng\nh\ni");
        assert_eq!(shown("a<div><div> b </div></div> c"), "a\nb\nc");
        assert_eq!(shown("in<i>li</i>ne <i> x </i> y"), "inline x y");
    }

    #[test]
    fn cells_are_separated_by_tabs() {
        assert_eq!(shown("<table><tr><th>a<th>b<tr><td> 1 <td>2</table>end"), "a\tb\n1\t2\nend");
    }

    #[test]
    fn preformatted_text_is_kept() {
        assert_eq!(shown("x<pre>\n a\n  b\n</pre>y <textarea>\n p\nq </textarea>z"), "x\n a\n  b\ny  p\nq  z");
    }

    #[test]
    fn what_is_not_shown_is_left_out() {
        let html = "<title>t</title><style>s</style><body>a<script>b</script><noscript>c</noscript><template>d</template>\
            <iframe>e</iframe><svg><title>f</title><text>g</text></svg>";
        assert_eq!(shown(html), "ag");
        assert_eq!(shown(""), "");
        assert_eq!(shown("&lt;&eacute;&nbsp;x&#0;"), "<é\u{a0}x\u{fffd}");
    }
}
