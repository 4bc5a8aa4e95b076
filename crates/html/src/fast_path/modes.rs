//! The dispatch by insertion mode, and the rules before and after `<body>`.

use super::builder::{Builder, Mode, Step};
use crate::page::Span;
use crate::tag::{HEAD, Tag, VOID};
use crate::tokenizer::{ContentModel, Name, Start};

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
                    Mode::InHeadNoscript => {
                        self.pop();
                        self.mode = Mode::InHead;
                    }
                    Mode::InHead => {
                        self.pop();
                        self.mode = Mode::AfterHead;
                    }
                    _ => {
                        self.insert_implied(Tag::Body)?;
                        self.mode = Mode::InBody;
                    }
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
            Mode::InTable | Mode::InTableBody | Mode::InRow if blank => {
                self.append(span);
                Some(())
            }
            Mode::InColumnGroup if blank => {
                self.append(span);
                Some(())
            }
            _ => None,
        }
    }

    /// Opens the implied elements up to `<head>`.
    fn before_head(&mut self) -> Step {
        if self.mode == Mode::Initial {
            self.quirks = Some(true);
        }
        if self.mode != Mode::BeforeHead {
            self.insert_implied(Tag::Html)?;
        }
        self.insert_implied(Tag::Head)?;
        self.mode = Mode::InHead;
        Some(())
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
            Mode::Initial | Mode::BeforeHtml if tag == Tag::Html => {
                if self.mode == Mode::Initial {
                    self.quirks = Some(true);
                }
                self.mode = Mode::BeforeHead;
                self.insert(start)
            }
            Mode::Initial | Mode::BeforeHtml => {
                if self.mode == Mode::Initial {
                    self.quirks = Some(true);
                }
                self.insert_implied(Tag::Html)?;
                self.mode = Mode::BeforeHead;
                self.start(start, false)
            }
            Mode::BeforeHead if tag == Tag::Head => {
                self.mode = Mode::InHead;
                self.insert(start)
            }
            Mode::BeforeHead => {
                self.before_head()?;
                self.start(start, false)
            }
            Mode::InHead => match tag {
                Tag::Noscript => {
                    self.mode = Mode::InHeadNoscript;
                    self.insert(start)
                }
                Tag::Head => Some(()),
                tag if tag.is(HEAD) => self.start_head(start),
                _ => {
                    self.pop();
                    self.mode = Mode::AfterHead;
                    self.start(start, false)
                }
            },
            Mode::InHeadNoscript => match tag {
                Tag::Link | Tag::Meta | Tag::Style | Tag::Basefont | Tag::Bgsound | Tag::Noframes => {
                    self.start_head(start)
                }
                Tag::Head | Tag::Noscript => Some(()),
                _ => {
                    self.pop();
                    self.mode = Mode::InHead;
                    self.start(start, false)
                }
            },
            Mode::AfterHead => match tag {
                Tag::Body => {
                    self.mode = Mode::InBody;
                    self.insert(start)
                }
                Tag::Head => Some(()),
                Tag::Frameset => None,
                tag if tag.is(HEAD) => None,
                _ => {
                    self.insert_implied(Tag::Body)?;
                    self.mode = Mode::InBody;
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
                    self.quirks = Some(true);
                    self.mode = Mode::BeforeHtml;
                }
                if outer || tag == Tag::Head {
                    self.before_head()?;
                    return self.end(name, false);
                }
                Some(())
            }
            Mode::InHead if tag == Tag::Head => {
                self.pop();
                self.mode = Mode::AfterHead;
                Some(())
            }
            Mode::InHead if outer => {
                self.pop();
                self.mode = Mode::AfterHead;
                self.end(name, false)
            }
            Mode::InHeadNoscript if tag == Tag::Noscript || tag == Tag::Br => {
                self.pop();
                self.mode = Mode::InHead;
                if tag == Tag::Br { self.end(name, false) } else { Some(()) }
            }
            Mode::AfterHead if outer => {
                self.insert_implied(Tag::Body)?;
                self.mode = Mode::InBody;
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
}
