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
        (&[][..], DataType::Null),
        (&[(Null, 0)], DataType::Null),
        (&[(Null, 0), (Bool, 1)], DataType::Boolean),
        (&[(Int, -1), (Null, 0)], DataType::Int64),
        (&[(Int, 1), (Uint, -1)], DataType::UInt64),
        (&[(Uint, -1)], DataType::UInt64),
        (&[(Int, -1), (Uint, -1)], DataType::LargeUtf8),
        (&[(Big, 0)], DataType::LargeUtf8),
        (&[(Int, 1), (Float, 0)], DataType::Float64),
        (&[(Int, -1), (Uint, 1), (Big, 0), (Float, 0)], DataType::Float64),
        (&[(Bool, 1), (Int, 1)], DataType::LargeUtf8),
        (&[(Text, 0), (Null, 0)], DataType::LargeUtf8),
        (&[(Json, 0), (Int, 0)], DataType::LargeUtf8),
    ] {
        assert_eq!(unified(cells), expected, "{cells:?}");
    }
}
