//! The kinds of cells, and the types of columns.

/// The kind of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CellKind {
    /// No value.
    Null = 0,
    /// False or true.
    Bool = 1,
    /// A signed integer of 64 bits.
    Int = 1 << 1,
    /// An unsigned integer that needs all 64 bits.
    Uint = 1 << 2,
    /// An integer of more than 64 bits, as its digits.
    Big = 1 << 3,
    /// Another number.
    Float = 1 << 4,
    /// A text.
    Text = 1 << 5,
    /// An array or object, as its JSON text.
    Json = 1 << 6,
}

/// The kinds of cells in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// No values.
    Null,
    /// Booleans.
    Bool,
    /// Signed integers of 64 bits.
    Int,
    /// Unsigned integers of 64 bits.
    Uint,
    /// Floating point.
    Float,
    /// Text in UTF-8.
    Text,
}

impl Kinds {
    const NEGATIVE: u16 = 1 << 7;
    const NULL: u16 = 1 << 8;

    /// Adds a cell.
    pub fn add(&mut self, kind: CellKind, value: u64) {
        // Without branches, as this is done for every cell.
        self.0 |= u16::from(kind as u8) | u16::from(kind == CellKind::Null) << 8;
        self.0 |= u16::from(kind == CellKind::Int && value.cast_signed() < 0) << 7;
    }

    /// Adds the kinds of another column.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all cells are of this kind.
    pub fn are(self, kind: CellKind) -> bool {
        self.0 & !Self::NEGATIVE == u16::from(kind as u8)
    }

    /// The narrowest type that keeps all values: integers are exact unless there are fractions among them, and mixtures
    /// without a common type become text.
    pub fn unified(self) -> ColumnType {
        const BOOL: u16 = CellKind::Bool as u16;
        const INT: u16 = CellKind::Int as u16;
        const UINT: u16 = CellKind::Uint as u16;
        const BIG: u16 = CellKind::Big as u16;
        const FLOAT: u16 = CellKind::Float as u16;
        let only = |kinds: u16| self.0 & !(kinds | Self::NEGATIVE | Self::NULL) == 0;
        let has = |kinds: u16| self.0 & kinds != 0;
        match self.0 & !Self::NULL {
            0 => ColumnType::Null,
            BOOL => ColumnType::Bool,
            _ if only(INT) => ColumnType::Int,
            _ if only(INT | UINT) && !has(Self::NEGATIVE) => ColumnType::Uint,
            _ if only(INT | UINT | BIG | FLOAT) && has(FLOAT) => ColumnType::Float,
            _ => ColumnType::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        let unified = |cells: &[(CellKind, i64)]| {
            let mut kinds = Kinds::default();
            cells.iter().for_each(|(kind, value)| kinds.add(*kind, value.cast_unsigned()));
            kinds.unified()
        };
        use CellKind::{Big, Bool, Float, Int, Json, Null, Text, Uint};
        for (cells, expected) in [
            (&[][..], ColumnType::Null),
            (&[(Null, 0)], ColumnType::Null),
            (&[(Null, 0), (Bool, 1)], ColumnType::Bool),
            (&[(Int, -1), (Null, 0)], ColumnType::Int),
            (&[(Int, 1), (Uint, -1)], ColumnType::Uint),
            (&[(Uint, -1)], ColumnType::Uint),
            (&[(Int, -1), (Uint, -1)], ColumnType::Text),
            (&[(Big, 0)], ColumnType::Text),
            (&[(Int, 1), (Float, 0)], ColumnType::Float),
            (&[(Int, -1), (Uint, 1), (Big, 0), (Float, 0)], ColumnType::Float),
            (&[(Bool, 1), (Int, 1)], ColumnType::Text),
            (&[(Text, 0), (Null, 0)], ColumnType::Text),
            (&[(Json, 0), (Int, 0)], ColumnType::Text),
        ] {
            assert_eq!(unified(cells), expected, "{cells:?}");
        }
    }
}
