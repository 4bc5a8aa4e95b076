//! The rules of `<body>`: blocks, lists, formatting.

use super::builder::{Builder, Mode, Open, Step};
use crate::page::Space;
use crate::tag::{BLOCK_END, CLOSES_P, FORMATTING, HEAD, HEADING, SPECIAL, TABLE_PART, Tag};
use crate::tokenizer::{ContentModel, Name, Start};

/// Whether an element opens a scope of its own for formatting elements.
fn is_marker(open: Open) -> bool {
    use Tag::{Applet, Caption, Marquee, Object, Td, Th};
    open.space == Space::Html && matches!(open.tag, Td | Th | Caption | Object | Applet | Marquee)
}

impl Builder<'_> {
    pub(super) fn start_body(&mut self, start: Start) -> Step {
        let tag = start.name.tag;
        match tag {
            Tag::Other | Tag::Span | Tag::Label => self.insert(start),
            Tag::A => {
                let nested = self.find(|open| open.is(Tag::A), is_marker).is_some();
                if nested { None } else { self.insert(start) }
            }
            tag if tag.is(CLOSES_P) => {
                self.close_p()?;
                self.insert(start)
            }
            Tag::Nobr | Tag::Frameset | Tag::Math | Tag::Plaintext => None,
            // Attributes would be added to those of the first `<body>`.
            Tag::Body => (start.attrs == self.tokens.attrs.len()).then_some(()),
            tag if tag.is(FORMATTING) => self.insert(start),
            tag if tag.is(TABLE_PART) => Some(()),
            tag if tag.is(HEAD) => self.start_head(start),
            tag if tag.is(HEADING) => {
                self.close_p()?;
                if self.top().is_some_and(|top| top.has(HEADING)) {
                    self.pop();
                }
                self.insert(start)
            }
            Tag::Li | Tag::Dd | Tag::Dt => self.start_item(start),
            Tag::Br | Tag::Img | Tag::Wbr | Tag::Area | Tag::Embed | Tag::Keygen => self.void(start),
            Tag::Param | Tag::Source | Tag::Track => self.void(start),
            Tag::Input if self.in_scope(Tag::Select).is_none() => self.void(start),
            Tag::Input => None,
            Tag::Hr => {
                self.close_p()?;
                if self.in_scope(Tag::Select).is_some() {
                    self.imply_ends(Tag::Other);
                }
                self.void(start)
            }
            Tag::Image => {
                let mut start = start;
                start.name = Name { tag: Tag::Img, text: self.tokens.strings.store(|out| out.push_str("img")) };
                self.void(start)
            }
            Tag::Pre | Tag::Listing => {
                self.close_p()?;
                self.skips_line = true;
                self.insert(start)
            }
            Tag::Form => {
                if self.form.is_some() {
                    return Some(());
                }
                self.close_p()?;
                self.form = Some(self.nodes.len() as u32);
                self.insert(start)
            }
            Tag::Button => {
                self.end_within(Tag::Other, |open| open.is(Tag::Button), |_| false)?;
                self.insert(start)
            }
            Tag::Table => {
                if self.find_p().is_some() {
                    match self.quirks {
                        None => return None,
                        Some(true) => {}
                        Some(false) => self.close_p()?,
                    }
                }
                self.enter(Mode::InTable, start)
            }
            Tag::Textarea => self.raw(start, ContentModel::Rcdata),
            Tag::Xmp => {
                self.close_p()?;
                self.raw(start, ContentModel::RawText)
            }
            Tag::Iframe | Tag::Noembed => self.raw(start, ContentModel::RawText),
            Tag::Select => {
                if let Some(at) = self.in_scope(Tag::Select) {
                    return self.close(at);
                }
                self.insert(start)
            }
            Tag::Option | Tag::Optgroup => {
                if self.in_scope(Tag::Select).is_some() {
                    self.imply_ends(if tag == Tag::Option { Tag::Optgroup } else { Tag::Other });
                } else if self.top_is(Tag::Option) {
                    self.pop();
                }
                self.insert(start)
            }
            Tag::Rb | Tag::Rtc | Tag::Rp | Tag::Rt => {
                if self.in_scope(Tag::Ruby).is_some() {
                    self.imply_ends(if matches!(tag, Tag::Rp | Tag::Rt) { Tag::Rtc } else { Tag::Other });
                }
                self.insert(start)
            }
            Tag::Svg => self.start_svg(start),
            _ => self.insert(start),
        }
    }

    /// The place of the open `<p>` that a block closes.
    fn find_p(&self) -> Option<usize> {
        self.find(|open| open.is(Tag::P), |open| open.is(Tag::Button) || self.bounds(open))
    }

    fn close_p(&mut self) -> Step {
        self.end_within(Tag::P, |open| open.is(Tag::P), |open| open.is(Tag::Button))
    }

    /// Closes the innermost open element of a kind, if it is in the default scope and within the first that `bound`
    /// accepts. The ends of those within may be implied, but for `except`.
    fn end_within(&mut self, except: Tag, found: impl Fn(Open) -> bool, bound: impl Fn(Open) -> bool) -> Step {
        if self.find(&found, |open| bound(open) || self.bounds(open)).is_none() {
            return Some(());
        }
        self.imply_ends(except);
        let at = self.find(found, |_| false)?;
        self.close(at)
    }

    fn start_item(&mut self, start: Start) -> Step {
        let list = start.name.tag == Tag::Li;
        let closes = |open: Open| if list { open.is(Tag::Li) } else { open.is(Tag::Dd) || open.is(Tag::Dt) };
        let bound = |open: Open| open.has(SPECIAL) && !matches!(open.tag, Tag::Address | Tag::Div | Tag::P);
        if let Some(tag) = self.find(closes, bound).and_then(|at| self.open.get(at)).map(|open| open.tag) {
            self.end_within(tag, |open| open.is(tag), |_| false)?;
        }
        self.close_p()?;
        self.insert(start)
    }

    pub(super) fn end_body(&mut self, name: Name) -> Step {
        let tag = name.tag;
        match tag {
            tag if tag.is(BLOCK_END) => self.end_within(Tag::Other, |open| open.is(tag), |_| false),
            tag if tag.is(FORMATTING) => self.end_formatting(name),
            Tag::P => {
                if self.find_p().is_none() {
                    self.insert_implied(Tag::P)?;
                }
                self.close_p()
            }
            Tag::Li | Tag::Dd | Tag::Dt => {
                let bound = |open: Open| tag == Tag::Li && (open.is(Tag::Ol) || open.is(Tag::Ul));
                self.end_within(tag, |open| open.is(tag), bound)
            }
            tag if tag.is(HEADING) => self.end_within(Tag::Other, |open| open.has(HEADING), |_| false),
            Tag::Form => {
                let Some(form) = self.form.take() else { return Some(()) };
                if self.find(|open| open.node == form, |open| self.bounds(open)).is_none() {
                    return Some(());
                }
                self.imply_ends(Tag::Other);
                // With open elements within, the form leaves the stack and stays their parent.
                if self.top()?.node != form {
                    return None;
                }
                self.pop();
                Some(())
            }
            Tag::Object | Tag::Applet | Tag::Marquee => {
                if self.in_scope(tag).is_none() {
                    return Some(());
                }
                self.imply_ends(Tag::Other);
                let at = self.in_scope(tag)?;
                self.close_scope(at)
            }
            Tag::Body | Tag::Html => {
                if self.in_scope(Tag::Body).is_some() {
                    self.mode = if tag == Tag::Body { Mode::AfterBody } else { Mode::AfterAfterBody };
                }
                Some(())
            }
            Tag::Br => self.void(Start { name, attrs: self.tokens.attrs.len(), self_closing: false }),
            Tag::Template => Some(()),
            _ => self.end_other(name),
        }
    }

    fn end_formatting(&mut self, name: Name) -> Step {
        let tag = name.tag;
        if self.top_is(tag) {
            self.pop();
            return Some(());
        }
        let Some(at) = self.find(|open| open.is(tag), is_marker) else {
            return self.end_other(name);
        };
        if self.find(|open| open.is(tag), |open| self.bounds(open)).is_none() {
            return Some(());
        }
        let within = self.open.get(at + 1..).unwrap_or_default();
        if within.iter().any(|open| open.has(SPECIAL)) {
            return None;
        }
        self.close(at)
    }

    /// An end tag without rules of its own.
    fn end_other(&mut self, name: Name) -> Step {
        let text = self.tokens.strings.get(name.text);
        let named = |open: Open| {
            open.space == Space::Html && open.tag == name.tag && (open.tag != Tag::Other || self.name_of(open) == text)
        };
        let Some(at) = self.find(named, |open| open.has(SPECIAL)) else { return Some(()) };
        self.close(at)
    }
}
