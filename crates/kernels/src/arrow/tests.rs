#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::ffi::to_ffi;
use arrow_array::{Array, ArrayRef, BinaryArray, Int32Array, LargeStringArray, StringArray};

use super::*;

fn read(array: &dyn Array, change: impl FnOnce(&mut FFI_ArrowArray)) -> Result<Vec<Vec<u8>>, ArrowError> {
    let (mut exported, schema) = to_ffi(&array.to_data()).unwrap();
    change(&mut exported);
    // SAFETY: arrow-rs exports what the interface prescribes, and no test changes the sizes of its buffers.
    let arrays = unsafe { ArrowArrays::from_array(&schema, exported) }?;
    // SAFETY: the documents are dropped before the arrays.
    let documents = unsafe { arrays.documents() }?;
    Ok(documents.iter().map(|document| document.bytes().unwrap().into_owned()).collect())
}

#[test]
fn all_layouts_and_slices() {
    let long = "a value longer than a view";
    let values = ["", "é", long, "tail"];
    let mut views = StringViewBuilder::new();
    values.iter().for_each(|value| views.append_value(value));
    let arrays: [ArrayRef; 4] = [
        Arc::new(StringArray::from(values.to_vec())),
        Arc::new(LargeStringArray::from(values.to_vec())),
        Arc::new(BinaryArray::from(values.map(str::as_bytes).to_vec())),
        Arc::new(views.finish()),
    ];
    let changes: [fn(&mut FFI_ArrowArray); 3] =
        [|array| array.length = -1, |array| array.offset = i64::MAX, |array| array.n_buffers = 1];
    for array in arrays {
        assert_eq!(read(&array, |_| {}).unwrap(), values.map(|value| value.as_bytes().to_vec()));
        assert_eq!(read(&array.slice(1, 2), |_| {}).unwrap(), ["é".as_bytes(), long.as_bytes()]);
        assert_eq!(read(&array.slice(1, 0), |_| {}).unwrap(), Vec::<Vec<u8>>::new());
        for change in changes {
            assert!(matches!(read(&array, change), Err(ArrowError::Invalid(_))));
        }
    }
}

#[test]
fn nulls_and_other_types_are_refused() {
    let array = StringArray::from(vec![Some("a"), Some("b"), None]);
    assert_eq!(read(&array, |_| {}), Err(ArrowError::Null(2)));
    assert_eq!(read(&array.slice(1, 2), |_| {}), Err(ArrowError::Null(1)));
    assert_eq!(read(&array.slice(0, 2), |_| {}).unwrap(), [b"a", b"b"]);
    assert_eq!(read(&Int32Array::from(vec![1]), |_| {}), Err(ArrowError::Type("Int32".into())));
}
