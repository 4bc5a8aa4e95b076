//! The rules of tables, whose parts must stand at their places.

use super::builder::{Builder, Mode, Open, Step};
use crate::page::Space;
use crate::tag::{TABLE_PART, Tag};
use crate::tokenizer::{ContentModel, Name, Start};

/// Whether an element is a part of a table.
fn is_part(tag: Tag) -> bool {
    tag.is(TABLE_PART) && !matches!(tag, Tag::Frame | Tag::Head)
}

fn is_section(tag: Tag) -> bool {
    matches!(tag, Tag::Tbody | Tag::Thead | Tag::Tfoot)
}

fn is_cell(tag: Tag) -> bool {
    matches!(tag, Tag::Td | Tag::Th)
}

impl Builder<'_> {
    /// The place of an open element in the innermost table.
    fn in_table(&self, found: impl Fn(Tag) -> bool) -> Option<usize> {
        self.find(|open| open.space == Space::Html && found(open.tag), |open| open.is(Tag::Table) || open.is(Tag::Html))
    }

    /// Closes the elements within the innermost one of a kind, or within `<html>`.
    fn clear_to(&mut self, kind: impl Fn(Tag) -> bool) -> Step {
        let is_kind = |open: Open| open.space == Space::Html && (kind(open.tag) || open.tag == Tag::Html);
        let at = self.find(is_kind, |_| false)?;
        if at + 1 < self.open.len() { self.close(at + 1) } else { Some(()) }
    }

    pub(super) fn start_table(&mut self, start: Start) -> Step {
        let tag = start.name.tag;
        match self.mode {
            Mode::InCell if is_part(tag) => {
                if self.in_table(is_cell).is_some() {
                    self.close_cell()?;
                    return self.start_table(start);
                }
                Some(())
            }
            Mode::InCaption if is_part(tag) => {
                if self.close_caption()? {
                    self.start_table(start)
                } else {
                    Some(())
                }
            }
            Mode::InCell | Mode::InCaption => self.start_body(start),
            Mode::InColumnGroup => match tag {
                Tag::Col => self.void(start),
                Tag::Template => self.template(start),
                _ => {
                    if !self.top_is(Tag::Colgroup) {
                        return Some(());
                    }
                    self.pop();
                    self.mode = Mode::InTable;
                    self.start_table(start)
                }
            },
            Mode::InRow if is_cell(tag) => {
                self.clear_to(|tag| tag == Tag::Tr)?;
                self.mode = Mode::InCell;
                self.insert(start)
            }
            Mode::InRow if is_part(tag) => {
                if self.close_row()? {
                    self.start_table(start)
                } else {
                    Some(())
                }
            }
            Mode::InTableBody if tag == Tag::Tr => {
                self.clear_to(is_section)?;
                self.mode = Mode::InRow;
                self.insert(start)
            }
            Mode::InTableBody if is_cell(tag) => {
                self.clear_to(is_section)?;
                self.insert_implied(Tag::Tr)?;
                self.mode = Mode::InRow;
                self.start_table(start)
            }
            Mode::InTableBody if is_part(tag) => {
                if self.close_section()? {
                    self.start_table(start)
                } else {
                    Some(())
                }
            }
            _ => self.start_in_table(start),
        }
    }

    fn start_in_table(&mut self, start: Start) -> Step {
        let tag = start.name.tag;
        let is_table = |tag| tag == Tag::Table;
        match tag {
            Tag::Caption => {
                self.clear_to(is_table)?;
                self.mode = Mode::InCaption;
                self.insert(start)
            }
            Tag::Colgroup => {
                self.clear_to(is_table)?;
                self.mode = Mode::InColumnGroup;
                self.insert(start)
            }
            Tag::Col => {
                self.clear_to(is_table)?;
                self.insert_implied(Tag::Colgroup)?;
                self.mode = Mode::InColumnGroup;
                self.void(start)
            }
            tag if is_section(tag) => {
                self.clear_to(is_table)?;
                self.mode = Mode::InTableBody;
                self.insert(start)
            }
            Tag::Tr | Tag::Td | Tag::Th => {
                self.clear_to(is_table)?;
                self.insert_implied(Tag::Tbody)?;
                self.mode = Mode::InTableBody;
                self.start_table(start)
            }
            Tag::Table => {
                if self.close_table()? {
                    self.start(start, false)
                } else {
                    Some(())
                }
            }
            Tag::Template => self.template(start),
            Tag::Style => self.raw(start, ContentModel::RawText),
            Tag::Script => self.raw(start, ContentModel::Script),
            Tag::Input => {
                let attrs = self.tokens.attrs.get(start.attrs..).unwrap_or_default();
                let strings = &self.tokens.strings;
                let kind = attrs.iter().find(|attr| strings.get(attr.name) == "type");
                let hidden = kind.is_some_and(|attr| strings.get(attr.value).eq_ignore_ascii_case("hidden"));
                if hidden { self.void(start) } else { None }
            }
            Tag::Form => {
                if self.form.is_none() {
                    self.form = Some(self.nodes.len() as u32);
                    self.void(start)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    pub(super) fn end_table(&mut self, name: Name) -> Step {
        let tag = name.tag;
        match self.mode {
            Mode::InCell => match tag {
                Tag::Td | Tag::Th => {
                    let Some(_) = self.in_table(|open| open == tag) else { return Some(()) };
                    self.imply_ends(Tag::Other);
                    let at = self.in_table(|open| open == tag)?;
                    self.close_scope(at)?;
                    self.mode = Mode::InRow;
                    Some(())
                }
                Tag::Table | Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Tr => {
                    if self.in_table(|open| open == tag).is_none() {
                        return Some(());
                    }
                    self.close_cell()?;
                    self.end_table(name)
                }
                Tag::Body | Tag::Html => Some(()),
                tag if is_part(tag) => Some(()),
                _ => self.end_body(name),
            },
            Mode::InCaption => match tag {
                Tag::Caption => self.close_caption().map(|_| ()),
                Tag::Table => {
                    if self.close_caption()? {
                        self.end_table(name)
                    } else {
                        Some(())
                    }
                }
                Tag::Body | Tag::Html => Some(()),
                tag if is_part(tag) => Some(()),
                _ => self.end_body(name),
            },
            Mode::InColumnGroup => match tag {
                Tag::Col | Tag::Template => Some(()),
                _ if !self.top_is(Tag::Colgroup) => Some(()),
                _ => {
                    self.pop();
                    self.mode = Mode::InTable;
                    if tag == Tag::Colgroup { Some(()) } else { self.end_table(name) }
                }
            },
            Mode::InRow => match tag {
                Tag::Tr => self.close_row().map(|_| ()),
                Tag::Table => {
                    if self.close_row()? {
                        self.end_table(name)
                    } else {
                        Some(())
                    }
                }
                tag if is_section(tag) => {
                    let open = self.in_table(|open| open == tag).is_some();
                    if open && self.close_row()? { self.end_table(name) } else { Some(()) }
                }
                tag if is_part(tag) => Some(()),
                _ => self.end_in_table(name),
            },
            Mode::InTableBody => match tag {
                tag if is_section(tag) => {
                    if self.in_table(|open| open == tag).is_some() {
                        self.close_section()?;
                    }
                    Some(())
                }
                Tag::Table => {
                    if self.close_section()? {
                        self.end_table(name)
                    } else {
                        Some(())
                    }
                }
                tag if is_part(tag) => Some(()),
                _ => self.end_in_table(name),
            },
            _ => self.end_in_table(name),
        }
    }

    fn end_in_table(&mut self, name: Name) -> Step {
        match name.tag {
            Tag::Table => self.close_table().map(|_| ()),
            Tag::Body | Tag::Html | Tag::Template => Some(()),
            tag if is_part(tag) => Some(()),
            // These make elements, which would move before the table.
            Tag::P | Tag::Br => None,
            _ => self.end_body(name),
        }
    }

    fn close_cell(&mut self) -> Step {
        self.imply_ends(Tag::Other);
        let at = self.in_table(is_cell)?;
        self.close_scope(at)?;
        self.mode = Mode::InRow;
        Some(())
    }

    fn close_caption(&mut self) -> Option<bool> {
        if self.in_table(|tag| tag == Tag::Caption).is_none() {
            return Some(false);
        }
        self.imply_ends(Tag::Other);
        let at = self.in_table(|tag| tag == Tag::Caption)?;
        self.close_scope(at)?;
        self.mode = Mode::InTable;
        Some(true)
    }

    fn close_row(&mut self) -> Option<bool> {
        if self.in_table(|tag| tag == Tag::Tr).is_none() {
            return Some(false);
        }
        self.clear_to(|tag| tag == Tag::Tr)?;
        self.pop();
        self.mode = Mode::InTableBody;
        Some(true)
    }

    fn close_section(&mut self) -> Option<bool> {
        self.clear_to(is_section)?;
        self.pop();
        self.mode = Mode::InTable;
        Some(true)
    }

    fn close_table(&mut self) -> Option<bool> {
        let Some(at) = self.in_table(|tag| tag == Tag::Table) else { return Some(false) };
        self.close(at)?;
        self.mode =
            self.open.iter().rev().filter(|open| open.space == Space::Html).find_map(|open| match open.tag {
                Tag::Td | Tag::Th => Some(Mode::InCell),
                Tag::Tr => Some(Mode::InRow),
                tag if is_section(tag) => Some(Mode::InTableBody),
                Tag::Caption => Some(Mode::InCaption),
                Tag::Colgroup => Some(Mode::InColumnGroup),
                Tag::Table => Some(Mode::InTable),
                Tag::Body => Some(Mode::InBody),
                _ => None,
            })?;
        Some(true)
    }
}
