//! One column of a table, built from the cells of many blocks.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, LargeStringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, NullArray};

use super::cells::Cell;
use super::kind::Type;

/// A column under construction.
#[derive(Debug)]
pub enum Column {
    /// Nulls only: how many.
    Null(usize),
    /// Booleans.
    Bool(BooleanBuilder),
    /// Whole numbers.
    Int(Int64Builder),
    /// Larger ones.
    Uint(UInt64Builder),
    /// Numbers.
    Float(Float64Builder),
    /// Texts. `large_utf8`: a column may have more than 2 GiB, and every reader takes it.
    Text(LargeStringBuilder),
}

impl Column {
    /// Empty, with room for `rows`.
    pub fn new(kind: Type, rows: usize) -> Self {
        match kind {
            Type::Null => Self::Null(0),
            Type::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Type::Int => Self::Int(Int64Builder::with_capacity(rows)),
            Type::Uint => Self::Uint(UInt64Builder::with_capacity(rows)),
            Type::Float => Self::Float(Float64Builder::with_capacity(rows)),
            Type::Text => Self::Text(LargeStringBuilder::with_capacity(rows, 0)),
        }
    }

    /// Appends nulls.
    pub fn nulls(&mut self, count: usize) {
        match self {
            Self::Null(length) => *length += count,
            Self::Bool(column) => column.append_nulls(count),
            Self::Int(column) => column.append_nulls(count),
            Self::Uint(column) => column.append_nulls(count),
            Self::Float(column) => column.append_nulls(count),
            Self::Text(column) => (0..count).for_each(|_| column.append_null()),
        }
    }

    /// Appends values; what has not the column's type is null, which a type from all kinds rules out.
    #[inline]
    pub fn extend<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) {
        match self {
            Self::Null(length) => *length += cells.count(),
            Self::Bool(column) => cells.for_each(|cell| match cell {
                Cell::Bool(value) => column.append_value(value),
                _ => column.append_null(),
            }),
            Self::Int(column) => cells.for_each(|cell| match cell {
                Cell::Int(value) => column.append_value(value),
                _ => column.append_null(),
            }),
            Self::Uint(column) => cells.for_each(|cell| match cell {
                Cell::Int(value) => column.append_value(value.cast_unsigned()),
                Cell::Uint(value) => column.append_value(value),
                _ => column.append_null(),
            }),
            Self::Float(column) => cells.for_each(|cell| match cell {
                Cell::Float(value) => column.append_value(value),
                Cell::Int(value) => column.append_value(value as f64),
                Cell::Uint(value) => column.append_value(value as f64),
                Cell::Text(digits) => column.append_option(digits.parse().ok()),
                _ => column.append_null(),
            }),
            Self::Text(column) => cells.for_each(|cell| append_text(column, cell)),
        }
    }

    /// The Arrow array.
    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Null(length) => Arc::new(NullArray::new(length)),
            Self::Bool(mut column) => Arc::new(column.finish()),
            Self::Int(mut column) => Arc::new(column.finish()),
            Self::Uint(mut column) => Arc::new(column.finish()),
            Self::Float(mut column) => Arc::new(column.finish()),
            Self::Text(mut column) => Arc::new(column.finish()),
        }
    }
}

/// As JSON text, but for strings, which are as they are. Writing to a builder cannot fail.
fn append_text(column: &mut LargeStringBuilder, cell: Cell<'_>) {
    let _ = match cell {
        Cell::Null => return column.append_null(),
        Cell::Text(text) => return column.append_value(text),
        Cell::Bool(value) => write!(column, "{value}"),
        Cell::Int(value) => write!(column, "{value}"),
        Cell::Uint(value) => write!(column, "{value}"),
        // The shortest text that is this number, `1.0` and not `1`.
        Cell::Float(value) => write!(column, "{value:?}"),
    };
    column.append_value("");
}
