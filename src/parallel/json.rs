//! `json_extract`, `json_rows`.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::arguments::{invalid, text};
use super::results::{ArrowData, TableResult, ordered};
use super::run::KernelCall;
use crate::arguments::scalars::{pairs, type_name};
use crate::bridge::detach::{GilYielder, detached};
use crate::bridge::job::Job;
use shoal_kernels::json::extract::Extract;
use shoal_kernels::json::pointer::{Matches, Pointer};
use shoal_kernels::json::rows::Rows;

#[doc = signature!(json_extract("docs, columns, *"), kernel)]
/// Values out of each JSON document, as a table with a row for each.
///
///     table = await parallel.json_extract(docs, {"id": "/id", "team": "/team/name", "first": "/games/0/date"})
///     frame = pandas.DataFrame.from_arrow(table)      # or polars.DataFrame(table), pyarrow.table(table)
///
/// A document is checked to its last byte, but nothing is built but what is asked for. Where a document has no value
/// the table has null; a pointer that matches in no document at all warns (UserWarning). The type of a column is that of its values: bool, int64, uint64, float64 or large_utf8; integers
/// and fractions together are float64, all other mixtures are text, and so are arrays and objects: their JSON.
///
/// Args:
///     docs: an iterable of `bytes`, `str`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
///     columns: a mapping (or pairs) from the name of a column to the place of its values, a JSON Pointer (RFC 6901).
///     on_error: "raise" the first failure as an ItemError; "return": its row is null and the table's `errors` has it;
///         or "skip": it has no row; "raise".
///     workers: threads at once; None for all cores (or `SHOAL_THREADS`).
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///
/// Returns:
///     Job[Table]: rows in the order of the documents.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document is not JSON (`exception` is a json.JSONDecodeError) or cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, columns, **keywords), text_signature = None)]
pub fn json_extract(
    docs: &Bound<'_, PyAny>,
    columns: &Bound<'_, PyAny>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let places = places_from(columns)?;
    let extract = detached(docs.py(), move || Arc::new(Extract::new(&places)));
    let finish = extract.clone();
    KernelCall::new("json_extract", docs, keywords).combined_result(
        move |document, stop| {
            let json = document.json()?;
            extract.run(&json, stop).map_err(|failure| failure.in_document(&json))
        },
        move |gathered, policy, stop| {
            let (results, ending) = ordered(gathered, policy);
            let table = finish.finish(results, stop)?;
            Ok(Box::new(TableResult::new(ArrowData::Table(table), ending, never_matched(finish.matches()))))
        },
    )
}

#[doc = signature!(json_rows("docs, pointer, columns=None, *"), kernel)]
/// The rows of an array in each JSON document, as one table.
///
///     table = await parallel.json_rows(responses, "/resultSets/0/rowSet")
///     table = await parallel.json_rows(responses, "/items", columns=["id", "name"])
///
/// The array's elements are rows: objects, whose members are the columns; or arrays, whose columns have the names in
/// `headers` beside the array, if it is there, else "0", "1" and so on; or single values, in a column
/// "value". An object in the place of the array is one row. Types are those of `json_extract`.
///
/// Args:
///     docs: as for `json_extract`.
///     pointer: the place of the array, a JSON Pointer (RFC 6901); "" for the whole document.
///     columns: the names of the columns to take, in this order; of arrays without names, the names to give. None for
///         all, in the order in which they appear.
///     on_error: "raise" the first failure as an ItemError; "return": the table's `errors` has it; or "skip"; "raise".
///         A document that fails has no row. A pointer that matches in no document at all warns (UserWarning).
///     workers, progress: as for `json_extract`.
///
/// Returns:
///     Job[Table]: the rows of all documents, one after the other.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document is not JSON (`exception` is a json.JSONDecodeError), has no array there (a
///         ValueError), or cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, pointer, columns=None, **keywords), text_signature = None)]
pub fn json_rows(
    docs: &Bound<'_, PyAny>,
    pointer: &Bound<'_, PyAny>,
    columns: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let pointer = Pointer::parse(text("pointer", pointer)?).map_err(invalid("pointer"))?;
    let columns = columns.filter(|columns| !columns.is_none()).map(names_from).transpose()?;
    let rows = Rows::new(pointer, columns).map_err(invalid("columns"))?;
    let finish = rows.clone();
    KernelCall::new("json_rows", docs, keywords).combined_result(
        move |document, stop| {
            let json = document.json()?;
            rows.run(&json, stop).map_err(|failure| failure.in_document(&json))
        },
        move |gathered, policy, stop| {
            let (results, ending) = ordered(gathered, policy);
            let table = finish.finish(results.into_iter().flatten(), stop)?;
            Ok(Box::new(TableResult::new(ArrowData::Table(table), ending, never_matched(finish.matches()))))
        },
    )
}

/// Names and places: read in slices, for there may be 100,000 of them, and parsed without the GIL.
fn places_from(columns: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Pointer)>> {
    let py = columns.py();
    let mut gil = GilYielder::new();
    let mut written: Vec<(String, String)> = Vec::new();
    for (name, place) in pairs("columns", columns)? {
        let name = text("columns", &name)?.to_owned();
        let place = text(&format!("columns[{name:?}]"), &place)?.to_owned();
        written.push((name, place));
        gil.step(py);
    }
    let parsed = detached(py, move || {
        let mut known = HashSet::with_capacity(written.len());
        let parse = |(name, place): &(String, String)| {
            let pointer = Pointer::parse(place).map_err(|error| (format!("columns[{name:?}]"), error))?;
            if !known.insert(name.clone()) {
                return Err(("columns".to_owned(), format!("{name:?} is there twice")));
            }
            Ok((name.clone(), pointer))
        };
        written.iter().map(parse).collect::<Result<Vec<_>, _>>()
    });
    let places = parsed.map_err(|(argument, error)| invalid(&argument)(error))?;
    if places.is_empty() {
        return Err(PyValueError::new_err("columns must name at least one column"));
    }
    Ok(places)
}

fn never_matched(matches: &Matches) -> Vec<String> {
    let warning = |pointer| format!("the JSON pointer {pointer:?} matched nothing in any document");
    matches.never().into_iter().map(warning).collect()
}

fn names_from(columns: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let wrong =
        || PyTypeError::new_err(format!("columns must be a sequence of str or None, not {}", type_name(columns)));
    if columns.is_instance_of::<PyString>() || columns.is_instance_of::<PyBytes>() {
        return Err(wrong());
    }
    let names = columns.try_iter().map_err(|_| wrong())?;
    names.enumerate().map(|(at, name)| text(&format!("columns[{at}]"), &name?).map(str::to_owned)).collect()
}
