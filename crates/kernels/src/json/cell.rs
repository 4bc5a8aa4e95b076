//! A JSON value as a cell of a table.

use shoal_json::{Number, Scratch};

use crate::error::KernelError;
use crate::table::cells::{CellKind, Cells};

/// Appends a value, of which `value` is the text that has been checked. `position` is where it starts in the document.
#[inline]
pub(super) fn push(value: &str, position: usize, cells: &mut Cells, scratch: &mut Scratch) -> Result<(), KernelError> {
    let (kind, value) = match value.as_bytes().first() {
        Some(b'"') => {
            let inner = value.get(1..value.len() - 1).unwrap_or_default();
            let text = scratch.unescaped(inner).ok_or_else(|| KernelError::memory(inner.len()))?;
            return cells.push_text(CellKind::Text, |out| out.push_str(text));
        }
        Some(b'{' | b'[') => return cells.push_text(CellKind::Json, |out| out.push_str(value)),
        Some(b't') => (CellKind::Bool, 1),
        Some(b'f') => (CellKind::Bool, 0),
        Some(b'n') | None => (CellKind::Null, 0),
        Some(_) => return push_number(Number::parse(value), position, cells),
    };
    cells.push(kind, value);
    Ok(())
}

/// Appends a number that starts at `position` of the document.
#[inline]
pub(super) fn push_number(number: Option<Number<'_>>, position: usize, cells: &mut Cells) -> Result<(), KernelError> {
    let (kind, value) = match number {
        Some(Number::Int(number)) => (CellKind::Int, number.cast_unsigned()),
        Some(Number::Uint(number)) => (CellKind::Uint, number),
        Some(Number::Float(number)) if number.is_finite() => (CellKind::Float, number.to_bits()),
        Some(Number::Float(_)) => return Err(KernelError::json("Number out of range", position)),
        // Beyond some 300 digits it is too large for floating point, too: only its digits are left.
        Some(Number::Big(digits)) => {
            let kind = if digits.parse().is_ok_and(f64::is_finite) { CellKind::Big } else { CellKind::Json };
            return cells.push_text(kind, |out| out.push_str(digits));
        }
        None => return Err(KernelError::internal("a checked number is none")),
    };
    cells.push(kind, value);
    Ok(())
}
