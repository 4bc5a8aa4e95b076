//! The dispatch by insertion mode, and the rules before and after `<body>`.

use super::builder::{Builder, Mode, Step};
use crate::page::Span;
use crate::tag::{HEAD, RAW, SCOPE, TABLE_PART, Tag, VOID};
use crate::tokenizer::{ContentModel, Name, Start, Token};

impl Builder<'_> {
    pub(super) fn text(&mut self, span: Span, foreign: bool) -> Step {
        if foreign || matches!(self.mode, Mode::InBody | Mode::InCell | Mode::InCaption) {
            self.append(span);
            return Some(());
        }
        let text = self.tokens.strings.get(span);
        let spaces = text.len() - text.trim_ascii_start().len();
        let blank = spaces == text.len();
        let (space, rest) = span.split(spaces);
        match self.mode {
            Mode::Initial | Mode::BeforeHtml | Mode::BeforeHead => {
                if blank {
                    return Some(());
                }
                self.before_head()?;
                self.text(rest, false)
            }
            Mode::InHead | Mode::InHeadNoscript | Mode::AfterHead => {
                if spaces > 0 {
                    self.append(space);
                }
                if blank {
                    return Some(());
                }
                match self.mode {
                    Mode::InHeadNoscript => self.leave(Mode::InHead),
                    Mode::InHead => self.leave(Mode::AfterHead),
                    _ => self.start_implied_body()?,
                }
                self.text(rest, false)
            }
            Mode::AfterBody | Mode::AfterAfterBody => {
                if !blank {
                    self.mode = Mode::InBody;
                }
                self.append(span);
                Some(())
            }
            Mode::InTable | Mode::InTableBody | Mode::InRow | Mode::InColumnGroup if blank => {
                self.append(span);
                Some(())
            }
            _ => None,
        }
    }

    pub(super) fn start(&mut self, start: Start, foreign: bool) -> Step {
        if foreign {
            return self.start_foreign(start);
        }
        let tag = start.name.tag;
        if tag == Tag::Html && !matches!(self.mode, Mode::Initial | Mode::BeforeHtml) {
            // Attributes would be added to those of the first `<html>`.
            return (start.attrs == self.tokens.attrs.len()).then_some(());
        }
        match self.mode {
            Mode::Initial | Mode::BeforeHtml if tag == Tag::Html => self.enter(Mode::BeforeHead, start),
            Mode::Initial | Mode::BeforeHtml => {
                self.insert_implied(Tag::Html)?;
                self.mode = Mode::BeforeHead;
                self.start(start, false)
            }
            Mode::BeforeHead if tag == Tag::Head => self.enter(Mode::InHead, start),
            Mode::BeforeHead => {
                self.before_head()?;
                self.start(start, false)
            }
            Mode::InHead => match tag {
                Tag::Noscript => self.enter(Mode::InHeadNoscript, start),
                Tag::Head => Some(()),
                tag if tag.is(HEAD) => self.start_head(start),
                _ => {
                    self.leave(Mode::AfterHead);
                    self.start(start, false)
                }
            },
            Mode::InHeadNoscript => match tag {
                Tag::Link | Tag::Meta | Tag::Style | Tag::Basefont | Tag::Bgsound | Tag::Noframes => {
                    self.start_head(start)
                }
                Tag::Head | Tag::Noscript => Some(()),
                _ => {
                    self.leave(Mode::InHead);
                    self.start(start, false)
                }
            },
            Mode::AfterHead => match tag {
                Tag::Body => self.enter(Mode::InBody, start),
                Tag::Head => Some(()),
                Tag::Frameset => None,
                tag if tag.is(HEAD) => None,
                _ => {
                    self.start_implied_body()?;
                    self.start(start, false)
                }
            },
            Mode::AfterBody | Mode::AfterAfterBody => {
                self.mode = Mode::InBody;
                self.start_body(start)
            }
            Mode::InBody => self.start_body(start),
            _ => self.start_table(start),
        }
    }

    /// A start tag with the rules of `<head>`.
    pub(super) fn start_head(&mut self, start: Start) -> Step {
        match start.name.tag {
            Tag::Template => self.template(start),
            Tag::Title => self.raw(start, ContentModel::Rcdata),
            Tag::Script => self.raw(start, ContentModel::Script),
            tag if tag.is(VOID) => self.void(start),
            _ => self.raw(start, ContentModel::RawText),
        }
    }

    /// An element whose content is text, up to its end tag.
    pub(super) fn raw(&mut self, start: Start, model: ContentModel) -> Step {
        self.insert(start)?;
        let mut span = self.tokens.raw(start.name, model);
        if start.name.tag == Tag::Textarea && self.tokens.strings.get(span).starts_with('\n') {
            span = span.split(1).1;
        }
        if !span.is_empty() {
            self.append(span);
        }
        // The end tag, or the end of the document.
        let _ = self.tokens.next(|| false);
        self.pop();
        Some(())
    }

    pub(super) fn end(&mut self, name: Name, foreign: bool) -> Step {
        if foreign && self.end_foreign(name)? {
            return Some(());
        }
        let tag = name.tag;
        let outer = matches!(tag, Tag::Body | Tag::Html | Tag::Br);
        match self.mode {
            Mode::Initial | Mode::BeforeHtml | Mode::BeforeHead => {
                if self.mode == Mode::Initial {
                    self.mode = Mode::BeforeHtml;
                }
                if outer || tag == Tag::Head {
                    self.before_head()?;
                    return self.end(name, false);
                }
                Some(())
            }
            Mode::InHead if outer || tag == Tag::Head => {
                self.leave(Mode::AfterHead);
                if outer { self.end(name, false) } else { Some(()) }
            }
            Mode::InHeadNoscript if tag == Tag::Noscript || tag == Tag::Br => {
                self.leave(Mode::InHead);
                if tag == Tag::Br { self.end(name, false) } else { Some(()) }
            }
            Mode::AfterHead if outer => {
                self.start_implied_body()?;
                self.end(name, false)
            }
            Mode::InHead | Mode::InHeadNoscript | Mode::AfterHead => Some(()),
            Mode::AfterBody if tag == Tag::Html => {
                self.mode = Mode::AfterAfterBody;
                Some(())
            }
            Mode::AfterBody | Mode::AfterAfterBody => {
                self.mode = Mode::InBody;
                self.end_body(name)
            }
            Mode::InBody => self.end_body(name),
            _ => self.end_table(name),
        }
    }

    /// Skips a template: its content is invisible to all kernels, so only its end matters. `None` for content that would
    /// reach beyond its end, or might: cells left open, SVG with titles and styles (which are markup there), columns
    /// (between which a script is none).
    pub(super) fn template(&mut self, start: Start) -> Step {
        self.insert(start)?;
        let mut foreign = false;
        loop {
            match self.tokens.next(|| foreign) {
                Token::Eof => break,
                Token::End(name) if name.tag == Tag::Template => break,
                Token::End(name) if name.tag.is(TABLE_PART) => return None,
                Token::Start(inner) => {
                    self.tokens.attrs.truncate(inner.attrs);
                    match inner.name.tag {
                        tag if foreign && tag.is(RAW) => return None,
                        Tag::Select | Tag::Head => {}
                        tag if tag.is(SCOPE | TABLE_PART) => return None,
                        Tag::Math | Tag::Frameset | Tag::Plaintext => return None,
                        Tag::Svg => foreign = true,
                        Tag::Title | Tag::Textarea => _ = self.tokens.raw(inner.name, ContentModel::Rcdata),
                        Tag::Script => _ = self.tokens.raw(inner.name, ContentModel::Script),
                        tag if tag.is(RAW) => _ = self.tokens.raw(inner.name, ContentModel::RawText),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        self.pop();
        Some(())
    }
}
