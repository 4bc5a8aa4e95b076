//! A table: its cells as they come, then rows with every cell in its column.
//!
//! A cell that spans rows or columns is repeated in each, as in pandas.read_html. Spans are bounded as in browsers: 1,000
//! columns, and the rows of the section. Repeated cells are paid from a budget, as `colspan=1000` in every row would be a
//! thousand times the page.

use std::ops::Range;

use super::blocks::Blocks;

/// Columns that a cell may span, as in the standard.
const MAX_COLUMNS: usize = 1000;

/// Bytes of an empty cell.
const EMPTY: usize = 3;

/// A group of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Head,
    Body,
    Foot,
}

#[derive(Debug)]
struct Cell {
    text: Range<usize>,
    heading: bool,
    columns: usize,
    /// 0 stands for the rest of the section.
    rows: usize,
}

/// A cell of an earlier row that spans the next.
struct Spanned {
    column: usize,
    cell: usize,
    /// Rows still to span.
    left: usize,
}

/// A table under construction.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The texts of all cells.
    text: String,
    cells: Vec<Cell>,
    /// The index of each row's first cell.
    rows: Vec<usize>,
    /// The first row of each section.
    sections: Vec<(usize, Section)>,
    pub(super) caption: String,
}

/// Rows of cell indices with the spans filled in.
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
    /// Starts a section.
    pub(super) fn section(&mut self, section: Section) {
        self.sections.push((self.rows.len(), section));
    }

    /// Starts a row.
    pub(super) fn row(&mut self) {
        self.rows.push(self.cells.len());
    }

    /// Adds a cell; `columns` and `rows` are the values of `colspan` and `rowspan`.
    pub(super) fn cell(&mut self, text: &str, heading: bool, columns: Option<&str>, rows: Option<&str>) {
        let start = self.text.len();
        self.text.push_str(&text.replace('|', "\\|"));
        self.cells.push(Cell {
            text: start..self.text.len(),
            heading,
            columns: columns.and_then(number).unwrap_or(1).clamp(1, MAX_COLUMNS),
            rows: rows.and_then(number).unwrap_or(1),
        });
    }

    /// Writes the table. `budget` is in bytes of repeated cells and padding.
    pub(super) fn write(&self, blocks: &mut Blocks, budget: &mut usize) {
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
            // A row without its last empty cells is valid.
            let left = budget.checked_sub((columns - row.len()).saturating_mul(EMPTY));
            let length = if left.is_some() { columns } else { row.len() };
            *budget = left.unwrap_or(*budget);
            self.write_row(&mut blocks.out, row, &widths, length);
        }
    }

    /// The sections with the first head first and the first foot last, wherever they stand.
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

    /// Appends the rows of a section to the grid.
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
            // One more round than cells, for spanned cells behind the last.
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

    /// Whether a first row outside `<thead>` is the heading: headings and empty corners only.
    fn is_heading(&self, row: &[usize]) -> bool {
        let cells = || row.iter().filter_map(|cell| self.cells.get(*cell));
        cells().any(|cell| cell.heading) && cells().all(|cell| cell.heading || cell.text.is_empty())
    }

    /// The width of each column; none if the padding exceeds the budget.
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

/// The number at the start of a text, by the standard's rules.
fn number(text: &str) -> Option<usize> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let digits = text.get(..digits).filter(|digits| !digits.is_empty())?;
    Some(digits.parse().unwrap_or(usize::MAX))
}
