use std::sync::atomic::AtomicBool;

use super::{Index, Positions, WINDOW};
use crate::block;
use crate::error::JsonError;

fn positions(json: &str, fill: impl Fn(&mut Index<'_>, &mut Positions)) -> (Vec<usize>, Option<JsonError>) {
    let interrupt = AtomicBool::new(false);
    let mut index = Index::new(json, &interrupt);
    let mut positions = Positions::with_room();
    let mut all = Vec::new();
    while index.ahead < json.len() {
        positions.filled = 0;
        fill(&mut index, &mut positions);
        all.extend((0..positions.filled).filter_map(|index| positions.get(index)));
    }
    (all, index.error)
}

/// The same positions found byte by byte; `None` for a backslash outside of strings, which is an error.
fn by_byte(json: &str) -> Option<Vec<usize>> {
    let (mut all, mut in_string, mut escaped, mut bare) = (Vec::new(), false, false, false);
    for (place, byte) in json.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            let follows = std::mem::take(&mut bare);
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b'"' => {
                    in_string = true;
                    all.extend((!follows).then_some(place));
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' => all.push(place),
                b'\\' => return None,
                _ => {
                    bare = true;
                    all.extend((!follows).then_some(place));
                }
            }
        }
    }
    Some(all)
}

#[test]
fn portable_and_avx2_agree_with_a_loop_over_bytes() {
    let mut random = fastrand::Rng::with_seed(7);
    let parts = ["\"a\"", "\"", "\\\\", "x", "1", ",", "{", "]", " ", "\n", "\"\\\\\\\"é\"", ":", "\"ab\\nc\""];
    let mut compared = 0;
    for round in 0..4000 {
        let count = if round % 100 == 0 { 2 * WINDOW } else { random.usize(..200) };
        let mut json = String::new();
        while json.len() < count {
            let part = parts.get(random.usize(..parts.len())).copied().unwrap_or_default();
            json.push_str(part);
        }
        let portable = positions(&json, |index, positions| index.fill_with(positions, block::classify));
        let native = positions(&json, |index, positions| index.fill(positions));
        assert_eq!(portable, native, "{json:?}");
        if let (None, Some(expected)) = (portable.1, by_byte(&json)) {
            assert_eq!(portable.0, expected, "{json:?}");
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}
