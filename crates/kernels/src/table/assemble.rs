//! Makes one table of the rows of all documents.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::build::Column;
use super::document_rows::{DocumentRows, Layout};
use super::kind::Kinds;
use super::scatter::check_density;
use crate::error::KernelError;
use crate::packed::PackedStrings;
use crate::stop::Stop;

/// Rows copied to one column before the next: few enough to stay in the cache, as each column takes one cell of each.
const TILE: usize = 1024;

/// One table of the rows of all documents, in order. Its columns are `names`, then all others as they appear. A row has
/// null in a column that its document lacks.
pub fn assemble(names: &PackedStrings, documents: Vec<DocumentRows>, stop: &Stop) -> Result<RecordBatch, KernelError> {
    let plan = Plan::new(names, &documents, stop)?;
    let mut columns: Vec<_> = plan.kinds.iter().map(|kinds| Column::new(kinds.unified(), plan.rows)).collect();
    let mut documents = documents.into_iter();
    for run in &plan.runs {
        let mut sources = None;
        // Each document's rows are freed when copied, so that memory holds little more than the cells once.
        for document in documents.by_ref().take(run.documents).filter(|document| document.rows() > 0) {
            let sources = sources.get_or_insert_with(|| run.sources(columns.len()));
            append(&document, sources, &mut columns, stop)?;
        }
    }
    let arrays: Vec<_> = columns.into_iter().map(Column::finish).collect();
    let field = |(name, array): (&str, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let schema = Schema::new(plan.names.iter().zip(&arrays).map(field).collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(plan.rows));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
        .map_err(|error| KernelError::internal(error.to_string()))
}

/// The names and kinds of all columns.
struct Plan {
    names: PackedStrings,
    rows: usize,
    kinds: Vec<Kinds>,
    runs: Vec<Run>,
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

impl Plan {
    fn new(given: &PackedStrings, documents: &[DocumentRows], stop: &Stop) -> Result<Self, KernelError> {
        let mut plan =
            Self { names: given.clone(), rows: 0, kinds: vec![Kinds::default(); given.len()], runs: Vec::new() };
        let mut numbers: HashMap<String, usize> = given.iter().map(str::to_owned).zip(0..).collect();
        let mut present = 0;
        for run in documents.chunk_by(|document, next| document.names() == next.names()) {
            let names = run.first().map(DocumentRows::names);
            let target = |name: &str| {
                *numbers.entry(name.to_owned()).or_insert_with(|| {
                    plan.names.push(name);
                    plan.kinds.push(Kinds::default());
                    plan.names.len() - 1
                })
            };
            let targets: Vec<_> = names.into_iter().flat_map(PackedStrings::iter).map(target).collect();
            for document in run {
                stop.check()?;
                for (target, own) in targets.iter().zip(document.kinds()) {
                    if let Some(kinds) = plan.kinds.get_mut(*target) {
                        kinds.join(*own);
                    }
                }
                plan.rows += document.rows();
                present += document.cells().len();
            }
            plan.runs.push(Run { documents: run.len(), targets });
            if plan.names.len() > given.len() {
                check_density(plan.rows, plan.names.len(), present)?;
            }
        }
        Ok(plan)
    }
}

fn append(
    document: &DocumentRows,
    source: &[Option<usize>],
    columns: &mut [Column],
    stop: &Stop,
) -> Result<(), KernelError> {
    let (cells, width, rows) = (document.cells(), document.names().len(), document.rows());
    let kinds = |own: usize| document.kinds().get(own).copied().unwrap_or_default();
    match document.layout() {
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
