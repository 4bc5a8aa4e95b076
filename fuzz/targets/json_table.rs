//! JSON to tables: a document is taken exactly when serde_json takes it, and its values are serde_json's.
#![no_main]

use arrow_array::Array;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shoal_kernels::json::extract::Extract;
use shoal_kernels::json::pointer::Pointer;
use shoal_kernels::json::rows::Rows;
use shoal_kernels::stop::Stop;

const POINTERS: [&str; 5] = ["", "/a", "/a/0", "/1", "/a/b~1c"];

/// serde_json recurses; deeper documents are not compared.
const DEPTH: usize = 100;

fuzz_target!(|json: &[u8]| {
    let columns: Vec<_> =
        POINTERS.iter().map(|text| ((*text).to_owned(), Pointer::parse(text).expect("a pointer"))).collect();
    let (extract, stop) = (Extract::new(&columns), Stop::default());
    let row = extract.run(json, &stop);
    if let Ok(rows) = Rows::new(columns[1].1.clone(), None)
        && let Ok(block) = rows.run(json, &stop)
    {
        rows.finish([block], &stop).expect("the rows of one document are a table");
    }
    if !comparable(json) {
        return;
    }
    // A mark of byte order is skipped here and refused there.
    let plain = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let expected = serde_json::from_slice::<Value>(plain);
    let (row, document) = match (row, expected) {
        (Ok(row), Ok(document)) => (row, document),
        (Err(_), Err(_)) => return,
        (Ok(_), Err(error)) => panic!("taken, but serde_json says: {error}"),
        (Err(failure), Ok(_)) => panic!("refused ({failure}), but serde_json takes it"),
    };
    let table = extract.finish([Some(row)], &stop).expect("one row is a table");
    for (column, pointer) in table.columns().iter().zip(POINTERS) {
        compare(column, document.pointer(pointer), pointer);
    }
});

/// serde_json refuses what Python takes (NaN), numbers beyond a double, and deep nesting.
fn comparable(json: &[u8]) -> bool {
    let deepest = json
        .iter()
        .scan(0usize, |depth, byte| {
            match byte {
                b'[' | b'{' => *depth += 1,
                b']' | b'}' => *depth = depth.saturating_sub(1),
                _ => {}
            }
            Some(*depth)
        })
        .max()
        .unwrap_or(0);
    let long = json.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 18);
    let exponents = json.windows(2).any(|pair| matches!(pair[0], b'0'..=b'9') && matches!(pair[1], b'e' | b'E'));
    deepest < DEPTH && !long && !exponents && !json.windows(3).any(|word| word == b"NaN" || word == b"Inf")
}

fn compare(column: &dyn Array, expected: Option<&Value>, pointer: &str) {
    let null = column.logical_null_count() == 1;
    let options = FormatOptions::default();
    let shown = || ArrayFormatter::try_new(column, &options).expect("a plain type").value(0).to_string();
    match expected {
        None | Some(Value::Null) => assert!(null, "{pointer}: {}", shown()),
        Some(Value::Bool(value)) => assert_eq!(shown(), value.to_string(), "{pointer}"),
        Some(Value::String(text)) => assert_eq!(&shown(), text, "{pointer}"),
        Some(Value::Number(number)) => {
            let (ours, theirs) = (shown().parse::<f64>().expect("a number"), number.as_f64().expect("a number"));
            assert!(ours == theirs, "{pointer}: {ours} is not {theirs}");
        }
        // Objects and arrays stay JSON.
        Some(nested) => {
            assert_eq!(&serde_json::from_str::<Value>(&shown()).expect("JSON"), nested, "{pointer}");
        }
    }
}
