//! JSON to Python objects: the same value as `json.loads`, or the same refusal; and what serde_json takes is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

fuzz_target!(init: { Python::initialize(); }, |text: &[u8]| {
    Python::attach(|py| {
        let ours = shoal::fuzzing::json_objects(py, text);
        if let Ok(text) = std::str::from_utf8(text) {
            let theirs = py.import("json").and_then(|json| json.call_method1("loads", (text,)));
            match (&ours, &theirs) {
                (Some(ours), Ok(theirs)) => assert_eq!(shown(ours), shown(theirs)),
                // What the fast parser refuses is asked of `json.loads`.
                (None, _) => {}
                (Some(value), Err(error)) => panic!("{} from what json.loads refuses: {error}", shown(value)),
            }
            if ours.is_none() && serde_json::from_str::<serde_json::Value>(text).is_ok() {
                assert!(theirs.is_ok(), "serde_json takes it");
            }
        } else {
            assert!(ours.is_none(), "{:?} is not UTF-8", PyBytes::new(py, text));
        }
    });
});

/// Types, order and digits show in a repr.
fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().expect("plain objects have one").to_string()
}
