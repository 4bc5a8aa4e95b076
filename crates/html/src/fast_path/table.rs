//! The rules of tables, whose parts must stand at their places. So nothing is open within a table, section or row but
//! its own parts.

use super::builder::{Builder, Mode, Step};
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

    pub(super) fn start_table(&mut self, start: Start) -> Step {
        let tag = start.name.tag;
        let implied = match (self.mode, tag) {
            (Mode::InCell | Mode::InCaption, tag) if !is_part(tag) => return self.start_body(start),
            (Mode::InColumnGroup, Tag::Col) => return self.void(start),
            (Mode::InColumnGroup, Tag::Template) => return self.template(start),
            (Mode::InRow, Tag::Td | Tag::Th) => return self.enter(Mode::InCell, start),
            (Mode::InTableBody, Tag::Tr) => return self.enter(Mode::InRow, start),
            (Mode::InTable, Tag::Caption) => return self.enter(Mode::InCaption, start),
            (Mode::InTable, Tag::Colgroup) => return self.enter(Mode::InColumnGroup, start),
            (Mode::InTable, tag) if is_section(tag) => return self.enter(Mode::InTableBody, start),
            (Mode::InTableBody, Tag::Td | Tag::Th) => (Mode::InRow, Tag::Tr),
            (Mode::InTable, Tag::Col) => (Mode::InColumnGroup, Tag::Colgroup),
            (Mode::InTable, Tag::Tr | Tag::Td | Tag::Th) => (Mode::InTableBody, Tag::Tbody),
            (mode, tag) if mode == Mode::InColumnGroup || is_part(tag) => {
                return if self.close_part()? { self.start_table(start) } else { Some(()) };
            }
            _ => return self.start_in_table(start),
        };
        self.insert_implied(implied.1)?;
        self.mode = implied.0;
        self.start_table(start)
    }

    /// A start tag of no part of a table.
    fn start_in_table(&mut self, start: Start) -> Step {
        match start.name.tag {
            Tag::Table => {
                let closed = self.close_table()?;
                if closed { self.start(start, false) } else { Some(()) }
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
            Tag::Form if self.form.is_some() => Some(()),
            Tag::Form => {
                self.form = Some(self.nodes.len() as u32);
                self.void(start)
            }
            _ => None,
        }
    }

    pub(super) fn end_table(&mut self, name: Name) -> Step {
        let (mode, tag) = (self.mode, name.tag);
        // Whether the tag ends the part whose rules hold, or one around it.
        let (own, outer) = match mode {
            Mode::InCell => (is_cell(tag), tag == Tag::Tr || is_section(tag)),
            Mode::InCaption => (tag == Tag::Caption, false),
            Mode::InColumnGroup if matches!(tag, Tag::Col | Tag::Template) => return Some(()),
            Mode::InColumnGroup => (tag == Tag::Colgroup, true),
            Mode::InRow => (tag == Tag::Tr, is_section(tag)),
            Mode::InTableBody => (is_section(tag), false),
            _ => (tag == Tag::Table, false),
        };
        if own || outer || tag == Tag::Table {
            let open = mode == Mode::InColumnGroup || self.in_table(|open| open == tag).is_some();
            let closed = open && self.close_part()?;
            return if closed && !own { self.end_table(name) } else { Some(()) };
        }
        match tag {
            Tag::Body | Tag::Html => Some(()),
            tag if is_part(tag) => Some(()),
            // These make elements, which would move before the table.
            Tag::P | Tag::Br if !matches!(mode, Mode::InCell | Mode::InCaption) => None,
            _ => self.end_body(name),
        }
    }

    /// Closes the part of the table whose rules hold; whether it was open.
    fn close_part(&mut self) -> Option<bool> {
        let (part, outer): (fn(Tag) -> bool, _) = match self.mode {
            Mode::InCell => (is_cell, Mode::InRow),
            Mode::InCaption => (|tag| tag == Tag::Caption, Mode::InTable),
            Mode::InColumnGroup => (|tag| tag == Tag::Colgroup, Mode::InTable),
            Mode::InRow => (|tag| tag == Tag::Tr, Mode::InTableBody),
            Mode::InTableBody => (is_section, Mode::InTable),
            _ => return self.close_table(),
        };
        if self.in_table(part).is_none() {
            return Some(false);
        }
        self.imply_ends(Tag::Other);
        let at = self.in_table(part)?;
        self.close_scope(at)?;
        self.mode = outer;
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
