//! The error for an unknown keyword.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// The `TypeError` for a keyword that `function` does not have; it suggests the most similar of the `known` ones.
pub fn unknown(function: &str, key: &str, known: impl IntoIterator<Item = &'static str>) -> PyErr {
    let hint = known
        .into_iter()
        .map(|name| (distance(name, key), name))
        .min()
        .filter(|(distance, name)| {
            // Few letters differ, or the beginning is the same ("retries").
            let shared = name.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
            distance * 3 <= name.len() || shared * 2 > name.len()
        })
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"));
    PyTypeError::new_err(format!("{function} got an unexpected keyword argument {key:?}{hint}"))
}

/// The Levenshtein distance of two names, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, of_a) in a.bytes().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (above, of_b) in row.iter_mut().skip(1).zip(b.bytes()) {
            let cell = (diagonal + usize::from(of_a != of_b)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, cell);
            left = cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
