//! Makes one table of the rows of all documents.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, LargeStringBuilder, NullBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};

use super::cells::{Cell, CellKind, Kinds};
use super::document_rows::{DocumentRows, Layout, check_density};
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;

/// Rows copied to one column before the next: few enough to stay in the cache, as each column takes one cell of each.
const TILE: usize = 1024;

/// One table of the rows of all documents, in order. Its columns are `given`, then all others as they appear. A row has
/// null in a column that its document lacks.
pub fn assemble(given: &PackedStrings, documents: Vec<DocumentRows>, stop: &Stop) -> Result<RecordBatch, KernelError> {
    let (mut names, mut kinds) = (given.clone(), vec![Kinds::default(); given.len()]);
    let mut numbers: HashMap<String, usize> = given.iter().map(str::to_owned).zip(0..).collect();
    let (mut rows, mut present, mut runs) = (0, 0, Vec::new());
    for run in documents.chunk_by(|document, next| document.names == next.names) {
        let target = |name: &str| {
            *numbers.entry(name.to_owned()).or_insert_with(|| {
                names.push(name);
                kinds.push(Kinds::default());
                names.len() - 1
            })
        };
        let own_names = run.first().map(|document| &document.names);
        let targets: Vec<_> = own_names.into_iter().flat_map(PackedStrings::iter).map(target).collect();
        for document in run {
            stop.check()?;
            for (target, own) in targets.iter().zip(&document.kinds) {
                if let Some(kinds) = kinds.get_mut(*target) {
                    kinds.join(*own);
                }
            }
            rows += document.rows();
            present += document.cells.len();
        }
        runs.push(Run { documents: run.len(), targets });
        if names.len() > given.len() {
            check_density(rows, names.len(), present)?;
        }
    }
    let mut columns: Vec<_> = kinds.iter().map(|kinds| Column::new(&kinds.unified(), rows)).collect();
    let mut documents = documents.into_iter();
    for run in &runs {
        let mut sources = None;
        // Each document's rows are freed when copied, so that memory holds little more than the cells once.
        for document in documents.by_ref().take(run.documents).filter(|document| document.rows() > 0) {
            let sources = sources.get_or_insert_with(|| run.sources(columns.len()));
            append(&document, sources, &mut columns, stop)?;
        }
    }
    let arrays: Vec<_> = columns.into_iter().map(Column::finish).collect();
    let field = |(name, array): (&str, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let schema = Schema::new(names.iter().zip(&arrays).map(field).collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
        .map_err(|error| KernelError::internal(error.to_string()))
}

/// Consecutive documents with the same names, as most are.
struct Run {
    documents: usize,
    /// For each of their columns, the table's.
    targets: Vec<usize>,
}

impl Run {
    /// For each of the table's columns, theirs.
    fn sources(&self, width: usize) -> Vec<Option<usize>> {
        let mut sources = vec![None; width];
        for (own, target) in self.targets.iter().enumerate() {
            if let Some(slot) = sources.get_mut(*target) {
                *slot = Some(own);
            }
        }
        sources
    }
}

fn append(
    document: &DocumentRows,
    source: &[Option<usize>],
    columns: &mut [Column],
    stop: &Stop,
) -> Result<(), KernelError> {
    let (cells, width, rows) = (&document.cells, document.names.len(), document.rows());
    let kinds = |own: usize| document.kinds.get(own).copied().unwrap_or_default();
    match &document.layout {
        Layout::Rows => {
            for start in (0..rows).step_by(TILE) {
                stop.check()?;
                let end = rows.min(start + TILE);
                for (column, own) in columns.iter_mut().zip(source) {
                    match own {
                        Some(own) => {
                            column.extend(kinds(*own), cells.every(start * width + own, width, end - start));
                        }
                        None => column.nulls(end - start),
                    }
                }
            }
        }
        Layout::Columns { starts, rows: places } => {
            for (column, own) in columns.iter_mut().zip(source) {
                stop.check()?;
                let bounds = own.and_then(|own| Some(*starts.get(own)?..*starts.get(own + 1)?));
                let (bounds, kinds) = (bounds.unwrap_or(0..0), own.map(kinds).unwrap_or_default());
                // In runs without missing cells; most columns are one run.
                let places = places.get(bounds.clone()).unwrap_or_default();
                let (mut index, mut done) = (bounds.start, 0);
                for run in places.chunk_by(|row, next| row + 1 == *next) {
                    let row = run.first().map_or(done, |row| *row as usize);
                    column.nulls(row - done);
                    column.extend(kinds, cells.every(index, 1, run.len()));
                    (index, done) = (index + run.len(), row + run.len());
                }
                column.nulls(rows - done);
            }
        }
    }
    Ok(())
}

#[derive(Debug)]
enum Column {
    Null(NullBuilder),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Uint(UInt64Builder),
    Float(Float64Builder),
    Text(LargeStringBuilder),
}

/// Does the same with the builder of any column.
macro_rules! with_builder {
    ($column:expr, $builder:ident => $result:expr) => {
        match $column {
            Column::Null($builder) => $result,
            Column::Bool($builder) => $result,
            Column::Int($builder) => $result,
            Column::Uint($builder) => $result,
            Column::Float($builder) => $result,
            Column::Text($builder) => $result,
        }
    };
}

impl Column {
    fn new(kind: &DataType, rows: usize) -> Self {
        match kind {
            DataType::Null => Self::Null(NullBuilder::new()),
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Int64 => Self::Int(Int64Builder::with_capacity(rows)),
            DataType::UInt64 => Self::Uint(UInt64Builder::with_capacity(rows)),
            DataType::Float64 => Self::Float(Float64Builder::with_capacity(rows)),
            _ => Self::Text(LargeStringBuilder::with_capacity(rows, 0)),
        }
    }

    fn nulls(&mut self, count: usize) {
        with_builder!(self, builder => builder.append_nulls(count));
    }

    /// Appends cells of the given kinds. A cell that does not fit the column's type would be null; a type chosen by all kinds
    /// rules that out. Cells that are all of the column's own kind are copied without a check of each, which saves a third
    /// of the time in a table of numbers.
    #[inline]
    fn extend<'a>(&mut self, kinds: Kinds, cells: impl Iterator<Item = Cell<'a>>) {
        match self {
            Self::Null(column) => column.append_nulls(cells.count()),
            Self::Bool(column) => cells.for_each(|cell| {
                column.append_option((cell.kind == CellKind::Bool).then_some(cell.value != 0));
            }),
            Self::Int(column) if kinds.are(CellKind::Int) => {
                cells.for_each(|cell| column.append_value(cell.value.cast_signed()));
            }
            Self::Int(column) => cells.for_each(|cell| {
                column.append_option((cell.kind == CellKind::Int).then_some(cell.value.cast_signed()));
            }),
            Self::Uint(column) => cells.for_each(|cell| {
                column.append_option(matches!(cell.kind, CellKind::Int | CellKind::Uint).then_some(cell.value));
            }),
            Self::Float(column) if kinds.are(CellKind::Float) => {
                cells.for_each(|cell| column.append_value(f64::from_bits(cell.value)));
            }
            Self::Float(column) => cells.for_each(|cell| column.append_option(number(cell))),
            Self::Text(column) => cells.for_each(|cell| append_text(column, cell)),
        }
    }

    fn finish(self) -> ArrayRef {
        with_builder!(self, builder => {
            let mut builder = builder;
            Arc::new(builder.finish())
        })
    }
}

fn number(cell: Cell<'_>) -> Option<f64> {
    match cell.kind {
        CellKind::Float => Some(f64::from_bits(cell.value)),
        CellKind::Int => Some(cell.value.cast_signed() as f64),
        CellKind::Uint => Some(cell.value as f64),
        CellKind::Big => cell.text().parse().ok(),
        CellKind::Null | CellKind::Bool | CellKind::Text | CellKind::Json => None,
    }
}

/// Appends a cell as JSON text, a string without quotes. Writing to a builder cannot fail.
fn append_text(column: &mut LargeStringBuilder, cell: Cell<'_>) {
    let _ = match cell.kind {
        CellKind::Null => return column.append_null(),
        CellKind::Text | CellKind::Json | CellKind::Big => return column.append_value(cell.text()),
        CellKind::Bool => write!(column, "{}", cell.value != 0),
        CellKind::Int => write!(column, "{}", cell.value.cast_signed()),
        CellKind::Uint => write!(column, "{}", cell.value),
        // The shortest text for the number, `1.0` rather than `1`.
        CellKind::Float => write!(column, "{:?}", f64::from_bits(cell.value)),
    };
    column.append_value("");
}
