//! A table: its cells as they come, then rows with every cell in its column.
//!
//! A cell that spans rows or columns stands in each of them, as pandas.read_html has it. The spans are bounded as browsers
//! bound them (1,000 columns; the rows that its section has), and what is filled in is taken from a budget: `colspan=1000`
//! in every row would be a thousand times the page.

use std::ops::Range;

use super::blocks::Blocks;

/// The most columns that a cell spans, as in the standard.
const MAX_COLUMNS: usize = 1000;

/// What an empty cell takes.
const EMPTY: usize = 3;

/// A group of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Head,
    Body,
    Foot,
}

#[derive(Debug)]
struct Cell {
    text: Range<usize>,
    heading: bool,
    columns: usize,
    /// 0 is all that follow.
    rows: usize,
}

/// A cell of a row before, which goes on in the next.
struct Spanned {
    column: usize,
    cell: usize,
    /// In how many rows more.
    left: usize,
}

/// A table that is being read.
#[derive(Debug, Default)]
pub struct Table {
    /// The texts of all cells.
    text: String,
    cells: Vec<Cell>,
    /// The first cell of each row.
    rows: Vec<usize>,
    /// Each section, and its first row.
    sections: Vec<(usize, Section)>,
    /// The heading above the table.
    pub caption: String,
}

/// The cells of the rows, spans filled in.
#[derive(Default)]
struct Grid {
    cells: Vec<usize>,
    rows: Vec<Range<usize>>,
}

impl Grid {
    fn rows(&self) -> impl Iterator<Item = &[usize]> {
        self.rows.iter().map(|row| self.cells.get(row.clone()).unwrap_or_default())
    }
}

impl Table {
    /// A section begins.
    pub fn section(&mut self, section: Section) {
        self.sections.push((self.rows.len(), section));
    }

    /// A row begins.
    pub fn row(&mut self) {
        self.rows.push(self.cells.len());
    }

    /// A cell, with what its attributes say of its spans.
    pub fn cell(&mut self, text: &str, heading: bool, columns: Option<&str>, rows: Option<&str>) {
        let start = self.text.len();
        for (index, part) in text.split('|').enumerate() {
            if index > 0 {
                self.text.push_str("\\|");
            }
            self.text.push_str(part);
        }
        self.cells.push(Cell {
            text: start..self.text.len(),
            heading,
            columns: columns.and_then(number).unwrap_or(1).clamp(1, MAX_COLUMNS),
            rows: rows.and_then(number).unwrap_or(1),
        });
    }

    /// Writes the table. `budget` is how many bytes of filled cells and padding there may still be.
    pub fn write(&self, blocks: &mut Blocks, budget: &mut usize) {
        let mut grid = Grid::default();
        let mut has_head = false;
        for (index, (section, rows)) in self.in_order().into_iter().enumerate() {
            self.fill(rows, &mut grid, budget);
            has_head |= index == 0 && section == Section::Head && !grid.rows.is_empty();
        }
        let columns = grid.rows.iter().map(Range::len).max().unwrap_or_default();
        if columns == 0 {
            return;
        }
        let widths = self.widths(&grid, columns, budget);
        let heading = grid.rows().next().filter(|row| has_head || self.is_heading(row));
        blocks.begin();
        self.write_row(&mut blocks.out, heading.unwrap_or_default(), &widths, columns);
        blocks.next_line();
        blocks.out.push('|');
        for column in 0..columns {
            let width = widths.get(column).copied().unwrap_or(1);
            blocks.out.push(' ');
            blocks.out.extend(std::iter::repeat_n('-', width));
            blocks.out.push_str(" |");
        }
        for row in grid.rows().skip(usize::from(heading.is_some())) {
            blocks.next_line();
            // A row may end early: its last cells are empty.
            let left = budget.checked_sub((columns - row.len()).saturating_mul(EMPTY));
            let length = if left.is_some() { columns } else { row.len() };
            *budget = left.unwrap_or(*budget);
            self.write_row(&mut blocks.out, row, &widths, length);
        }
    }

    /// The rows of the first head, of all others, and of the first foot, which may stand anywhere.
    fn in_order(&self) -> Vec<(Section, Range<usize>)> {
        let starts = self.sections.iter().map(|(row, _)| *row);
        let ends = starts.clone().skip(1).chain(std::iter::once(self.rows.len()));
        let mut all: Vec<(Section, Range<usize>)> =
            self.sections.iter().zip(ends).map(|((start, section), end)| (*section, *start..end)).collect();
        let first = starts.clone().next().unwrap_or(self.rows.len());
        if first > 0 {
            all.insert(0, (Section::Body, 0..first));
        }
        if let Some(at) = all.iter().position(|(section, _)| *section == Section::Foot) {
            let foot = all.remove(at);
            all.push(foot);
        }
        if let Some(at) = all.iter().position(|(section, _)| *section == Section::Head) {
            let head = all.remove(at);
            all.insert(0, head);
        }
        all
    }

    /// Appends the rows of a section, each cell in all the places that it spans.
    fn fill(&self, section: Range<usize>, grid: &mut Grid, budget: &mut usize) {
        let mut afford = |cell: usize| {
            let cost = self.cells.get(cell).map_or(0, |cell| cell.text.len()) + EMPTY;
            let left = budget.checked_sub(cost);
            *budget = left.unwrap_or(*budget);
            left.is_some()
        };
        let mut above: Vec<Spanned> = Vec::new();
        for row in section.clone() {
            let start = grid.cells.len();
            let mut below: Vec<Spanned> = Vec::new();
            let mut spanned = std::mem::take(&mut above).into_iter().peekable();
            let first = self.rows.get(row).copied().unwrap_or_default();
            let end = self.rows.get(row + 1).copied().unwrap_or(self.cells.len());
            // One more round than there are cells, for what is spanned behind the last.
            for index in first..=end {
                let cell = self.cells.get(index).filter(|_| index < end);
                while let Some(over) = spanned.next_if(|over| cell.is_none() || over.column <= grid.cells.len() - start)
                {
                    if afford(over.cell) {
                        grid.cells.push(over.cell);
                        if over.left > 1 {
                            below.push(Spanned { left: over.left - 1, ..over });
                        }
                    }
                }
                let Some(cell) = cell else { break };
                let rows = section.end - row;
                let rows = if cell.rows == 0 { rows } else { cell.rows.min(rows) };
                for nth in 0..cell.columns {
                    if nth > 0 && !afford(index) {
                        break;
                    }
                    if rows > 1 {
                        below.push(Spanned { column: grid.cells.len() - start, cell: index, left: rows - 1 });
                    }
                    grid.cells.push(index);
                }
            }
            if grid.cells.len() > start {
                grid.rows.push(start..grid.cells.len());
            }
            above = below;
        }
    }

    /// Whether a first row outside of a head is the heading line: nothing but headings, and empty corners.
    fn is_heading(&self, row: &[usize]) -> bool {
        let cells = || row.iter().filter_map(|cell| self.cells.get(*cell));
        cells().any(|cell| cell.heading) && cells().all(|cell| cell.heading || cell.text.is_empty())
    }

    /// How wide each column is to be; nothing where padding would be out of proportion.
    fn widths(&self, grid: &Grid, columns: usize, budget: &mut usize) -> Vec<usize> {
        let mut widths = vec![1; columns];
        let mut written = 0_usize;
        for row in grid.rows() {
            for (width, cell) in widths.iter_mut().zip(row) {
                let count = self.text_of(*cell).chars().count();
                *width = count.max(*width);
                written += count + EMPTY;
            }
        }
        let padded = widths.iter().map(|width| width + EMPTY).sum::<usize>().saturating_mul(grid.rows.len() + 2);
        match budget.checked_sub(padded.saturating_sub(written)) {
            Some(left) => *budget = left,
            None => widths.clear(),
        }
        widths
    }

    fn text_of(&self, cell: usize) -> &str {
        self.cells.get(cell).and_then(|cell| self.text.get(cell.text.clone())).unwrap_or_default()
    }

    fn write_row(&self, out: &mut String, row: &[usize], widths: &[usize], columns: usize) {
        out.push('|');
        for column in 0..columns {
            let text = row.get(column).map_or("", |cell| self.text_of(*cell));
            let count = if widths.is_empty() { 0 } else { text.chars().count() };
            let pad = widths.get(column).map_or(0, |width| width.saturating_sub(count));
            out.push(' ');
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', pad));
            out.push_str(" |");
        }
    }
}

/// The digits at the start, as the standard reads them.
fn number(text: &str) -> Option<usize> {
    let text = text.trim_start_matches(super::escape::is_space_char);
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let digits = text.get(..digits).filter(|digits| !digits.is_empty())?;
    Some(digits.parse().unwrap_or(usize::MAX))
}
