//! The blocks of all documents as one table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::Table;
use super::block::{Block, Layout};
use super::build::Column;
use super::kind::Kinds;
use super::scatter::check_density;
use crate::cpu::failure::Failure;
use crate::cpu::stop::Stop;
use crate::cpu::texts::Texts;

/// Rows taken from one column before the next: few enough that a block's rows stay in the cache, where each column
/// takes one cell of each.
const TILE: usize = 1024;

/// One table of the rows of all blocks, in order, under the names of all: first `names`, then as they appear. A row has
/// null where its block has no such column.
pub fn assemble(names: &Texts, blocks: Vec<Block>, stop: &Stop) -> Result<Table, Failure> {
    let plan = Plan::new(names, &blocks, stop)?;
    let mut columns: Vec<_> = plan.kinds.iter().map(|kinds| Column::new(kinds.unified(), plan.rows)).collect();
    let mut sources = plan.sources.into_iter();
    let mut source = Vec::new();
    let mut last: Option<Texts> = None;
    for block in blocks {
        // Freed as they are done, so that memory holds little more than the cells once.
        if last.as_ref() != Some(block.names()) {
            source = sources.next().unwrap_or_default();
            last = Some(block.names().clone());
        }
        append(&block, &source, &mut columns, stop)?;
    }
    let fields: Vec<_> = plan
        .names
        .iter()
        .zip(&mut columns)
        .map(|(name, column)| (name, std::mem::replace(column, Column::Null(0)).finish()))
        .collect();
    let schema = Schema::new(
        fields.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect::<Vec<_>>(),
    );
    let arrays = fields.into_iter().map(|(_, array)| array).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(plan.rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options);
    Ok(Table { batch: batch.map_err(|error| Failure::internal(error.to_string()))? })
}

/// What is known when all blocks have been looked at.
struct Plan {
    names: Texts,
    rows: usize,
    kinds: Vec<Kinds>,
    /// For each run of blocks with the same names: which of their columns each of the table's is.
    sources: Vec<Vec<Option<usize>>>,
}

impl Plan {
    fn new(given: &Texts, blocks: &[Block], stop: &Stop) -> Result<Self, Failure> {
        let mut names = given.clone();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for (number, name) in given.iter().enumerate() {
            numbers.insert(name.to_owned(), number);
        }
        let mut kinds = vec![Kinds::default(); names.len()];
        // For each run, which of the table's columns each of its is.
        let mut targets: Vec<Vec<usize>> = Vec::new();
        let (mut rows, mut present) = (0, 0);
        let mut own = Vec::new();
        let mut last: Option<&Texts> = None;
        for block in blocks {
            stop.check()?;
            if last != Some(block.names()) {
                last = Some(block.names());
                let target = block.names().iter().map(|name| {
                    *numbers.entry(name.to_owned()).or_insert_with(|| {
                        names.push(name);
                        kinds.push(Kinds::default());
                        names.len() - 1
                    })
                });
                targets.push(target.collect());
            }
            block.kinds(&mut own);
            for (target, own) in targets.last().into_iter().flatten().zip(&own) {
                if let Some(kinds) = kinds.get_mut(*target) {
                    kinds.join(*own);
                }
            }
            rows += block.rows();
            present += block.cells().len();
            if names.len() > given.len() {
                check_density(rows, names.len(), present)?;
            }
        }
        let width = names.len();
        let invert = |target: Vec<usize>| {
            let mut source = vec![None; width];
            for (own, target) in target.into_iter().enumerate() {
                if let Some(slot) = source.get_mut(target) {
                    *slot = Some(own);
                }
            }
            source
        };
        Ok(Self { names, rows, kinds, sources: targets.into_iter().map(invert).collect() })
    }
}

fn append(block: &Block, source: &[Option<usize>], columns: &mut [Column], stop: &Stop) -> Result<(), Failure> {
    let (cells, width, rows) = (block.cells(), block.names().len(), block.rows());
    match block.layout() {
        Layout::Rows => {
            for start in (0..rows).step_by(TILE) {
                stop.check()?;
                let end = rows.min(start + TILE);
                for (column, own) in columns.iter_mut().zip(source) {
                    match own {
                        Some(own) => column.extend((start..end).map(|row| cells.get(row * width + own))),
                        None => column.nulls(end - start),
                    }
                }
            }
        }
        Layout::Columns { starts, rows: places } => {
            for (column, own) in columns.iter_mut().zip(source) {
                stop.check()?;
                let bounds = own.and_then(|own| Some(*starts.get(own)?..*starts.get(own + 1)?));
                let bounds = bounds.unwrap_or(0..0);
                let mut done = 0;
                if bounds.len() == rows {
                    column.extend(bounds.map(|index| cells.get(index)));
                    continue;
                }
                for index in bounds {
                    let row = places.get(index).map_or(0, |row| *row as usize);
                    if row > done {
                        column.nulls(row - done);
                    }
                    column.extend(std::iter::once(cells.get(index)));
                    done = row + 1;
                }
                column.nulls(rows - done);
            }
        }
    }
    Ok(())
}
