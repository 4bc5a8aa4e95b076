//! A JSON value as one cell of a table.

use super::number::{self, Number};
use super::text;
use crate::error::KernelError;
use crate::table::cells::Cells;
use crate::table::kind::CellKind;

/// Appends the value whose checked text is `value`. `position` is where it starts, for the failure.
#[inline]
pub fn push(value: &str, position: usize, cells: &mut Cells) -> Result<(), KernelError> {
    let (kind, value) = match value.as_bytes().first() {
        Some(b'"') => {
            let inner = value.get(1..value.len() - 1).unwrap_or_default();
            return cells.push_text(CellKind::Text, |out| match inner.as_bytes().contains(&b'\\') {
                true => text::unescape(inner, out),
                false => out.push_str(inner),
            });
        }
        Some(b'{' | b'[') => return cells.push_text(CellKind::Json, |out| out.push_str(value)),
        Some(b't') => (CellKind::Bool, 1),
        Some(b'f') => (CellKind::Bool, 0),
        Some(b'n') | None => (CellKind::Null, 0),
        Some(_) => match number::parse(value) {
            Number::Int(number) => (CellKind::Int, number.cast_unsigned()),
            Number::Uint(number) => (CellKind::Uint, number),
            Number::Float(number) if number.is_finite() => (CellKind::Float, number.to_bits()),
            Number::Float(_) => return Err(KernelError::json("Number out of range", position)),
            // With more than some 300 digits it is too large for floating point, too: its digits are all there is.
            Number::Big => {
                let kind = if value.parse().is_ok_and(f64::is_finite) { CellKind::Big } else { CellKind::Json };
                return cells.push_text(kind, |out| out.push_str(value));
            }
        },
    };
    cells.push(kind, value);
    Ok(())
}
