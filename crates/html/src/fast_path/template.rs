//! `<template>`: its content is invisible to all kernels, so only its end matters.

use super::builder::{Builder, Step};
use crate::page::MAX_DEPTH;
use crate::tag::{RAW, Tag};
use crate::tokenizer::{ContentModel, Start, Token};

/// The open cells and captions, which bound formatting elements.
#[derive(Default)]
struct Markers([i32; 3]);

impl Markers {
    fn of(&mut self, tag: Tag) -> Option<&mut i32> {
        let [data, head, caption] = &mut self.0;
        match tag {
            Tag::Td => Some(data),
            Tag::Th => Some(head),
            Tag::Caption => Some(caption),
            _ => None,
        }
    }

    fn any(&self) -> bool {
        self.0.iter().any(|count| *count != 0)
    }
}

impl Builder<'_> {
    /// Skips a template. `None` for content that would reach beyond its end: cells left open, SVG with titles and styles
    /// (which are markup there), columns (between which a script is none).
    pub(super) fn template(&mut self, start: Start) -> Step {
        self.insert(start)?;
        let mut depth = 1;
        let mut foreign = false;
        let mut markers = Markers::default();
        while depth > 0 {
            match self.tokens.next(|| foreign) {
                Token::Eof => break,
                Token::Start(inner) => {
                    self.tokens.attrs.truncate(inner.attrs);
                    let tag = inner.name.tag;
                    if foreign && (tag.is(RAW) || tag == Tag::Template) {
                        return None;
                    }
                    if let Some(count) = markers.of(tag) {
                        *count += 1;
                    }
                    match tag {
                        Tag::Math | Tag::Col | Tag::Colgroup | Tag::Frameset | Tag::Plaintext => return None,
                        Tag::Object | Tag::Applet | Tag::Marquee => return None,
                        Tag::Template | Tag::Table if markers.any() => return None,
                        Tag::Template => depth += 1,
                        Tag::Svg => foreign = true,
                        Tag::Title | Tag::Textarea => _ = self.tokens.raw(inner.name, ContentModel::Rcdata),
                        Tag::Script => _ = self.tokens.raw(inner.name, ContentModel::Script),
                        tag if tag.is(RAW) => _ = self.tokens.raw(inner.name, ContentModel::RawText),
                        _ => {}
                    }
                    if depth > MAX_DEPTH {
                        return None;
                    }
                }
                Token::End(name) => {
                    if let Some(count) = markers.of(name.tag) {
                        *count -= 1;
                        if *count < 0 {
                            return None;
                        }
                    }
                    if name.tag == Tag::Template {
                        if markers.any() {
                            return None;
                        }
                        depth -= 1;
                    }
                }
                Token::Text(_) | Token::Comment | Token::EmptyEndTag | Token::Doctype(_) => {}
            }
        }
        self.pop();
        Some(())
    }
}
