//! What a cell holds, and what a column of such cells becomes.

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CellKind {
    /// Nothing.
    Null = 0,
    /// False or true.
    Bool = 1,
    /// A whole number of 64 bits with sign.
    Int = 1 << 1,
    /// A whole number that needs all 64 bits.
    Uint = 1 << 2,
    /// A whole number of more than 64 bits, as its digits.
    Big = 1 << 3,
    /// Another number.
    Float = 1 << 4,
    /// A text.
    Text = 1 << 5,
    /// An array or object, as its JSON text.
    Json = 1 << 6,
}

/// The kinds that there are in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// There was nothing.
    Null,
    /// Booleans.
    Bool,
    /// 64 bits with sign.
    Int,
    /// 64 bits without sign.
    Uint,
    /// Floating point.
    Float,
    /// Text in UTF-8.
    Text,
}

impl Kinds {
    const NEGATIVE: u16 = 1 << 7;
    const NULL: u16 = 1 << 8;

    /// With one more cell.
    pub fn add(&mut self, kind: CellKind, value: u64) {
        // Both without a branch: this is done for every cell.
        self.0 |= u16::from(kind as u8) | u16::from(kind == CellKind::Null) << 8;
        self.0 |= u16::from(kind == CellKind::Int && value.cast_signed() < 0) << 7;
    }

    /// With another column's.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether there is no other kind than this.
    pub fn are(self, kind: CellKind) -> bool {
        self.0 & !Self::NEGATIVE == u16::from(kind as u8)
    }

    /// The narrowest type that keeps all values: whole numbers are exact unless there are fractions among them, and
    /// what has no common type becomes text.
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
