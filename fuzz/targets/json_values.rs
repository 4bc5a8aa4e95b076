//! The parser behind `Response.json()`, without Python: it takes what serde_json takes, and its values are serde_json's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use shoal_json::{Builder, Number, Text};

/// serde_json recurses; deeper documents are not compared.
const DEPTH: usize = 100;

fuzz_target!(|text: &str| {
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEPTH {
        let _ = shoal_json::parse(text, Values);
        return;
    }
    match (shoal_json::parse(text, Values), serde_json::from_str::<Value>(text)) {
        (Some(ours), Ok(theirs)) => assert!(equal(&ours, &theirs), "{ours} is not {theirs}"),
        (None, Err(_)) => {}
        (Some(ours), Err(error)) => panic!("{ours}, but serde_json says: {error}"),
        (None, Ok(theirs)) => panic!("refused, but serde_json takes {theirs}"),
    }
});

/// serde_json makes floats of -0 and of integers beyond 64 bits.
fn equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours == theirs || ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| equal(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, ours)| theirs.get(name).is_some_and(|theirs| equal(ours, theirs)))
        }
        _ => ours == theirs,
    }
}

struct Values;

impl Builder for Values {
    type Value = Value;

    fn null(&mut self) -> Option<Value> {
        Some(Value::Null)
    }

    fn boolean(&mut self, value: bool) -> Option<Value> {
        Some(value.into())
    }

    /// NaN and infinite numbers, which serde_json refuses, end the parse.
    fn number(&mut self, number: Number<'_>) -> Option<Value> {
        let float = |value: f64| serde_json::Number::from_f64(value).map(Value::Number);
        match number {
            Number::Int(value) => Some(value.into()),
            Number::Uint(value) => Some(value.into()),
            Number::Big(digits) => float(digits.parse().expect("a number")),
            Number::Float(value) => float(value),
        }
    }

    fn string(&mut self, text: Text<'_>) -> Option<Value> {
        Some(Value::String(match text {
            Text::Ascii(bytes) => String::from_utf8(bytes.to_vec()).expect("ASCII"),
            Text::Unicode(text) => text.to_owned(),
            Text::Characters(characters) => {
                characters.iter().map(|code| char::from_u32(*code).expect("a character")).collect()
            }
        }))
    }

    fn key(&mut self, text: Text<'_>) -> Option<Value> {
        self.string(text)
    }

    fn array(&mut self, elements: &mut Vec<Value>, first: usize) -> Option<Value> {
        Some(elements.split_off(first).into())
    }

    fn object(&mut self) -> Option<Value> {
        Some(Map::new().into())
    }

    fn insert(&mut self, object: &mut Value, key: Value, value: Value) -> Option<()> {
        let (Value::Object(members), Value::String(name)) = (object, key) else { panic!("an object and a name") };
        members.insert(name, value);
        Some(())
    }
}
