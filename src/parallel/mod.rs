//! `shoal.parallel`: for each kernel a function that parses its arguments and starts a batch on the pool.
//!
//! `documents` turns the argument `docs` into documents and keeps the owners of their memory (`borrowed_buffers`). `run`
//! starts the batch. Results become Python objects in slices: `list_result` with a `Row` for each document, or
//! `table_result` with Arrow data.

mod arguments;
mod arrow;
mod borrowed_buffers;
pub mod bytes;
pub mod column;
mod documents;
pub mod html;
mod item_error;
pub mod json;
mod keywords;
mod list_result;
mod rows;
mod run;
pub mod similar;
pub mod table;
mod table_result;
pub mod text;
mod values;

use pyo3::prelude::*;

/// Adds all functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let functions = [
        wrap_pyfunction!(bytes::compress, module)?,
        wrap_pyfunction!(bytes::decompress, module)?,
        wrap_pyfunction!(bytes::hash, module)?,
        wrap_pyfunction!(html::html_article, module)?,
        wrap_pyfunction!(html::html_links, module)?,
        wrap_pyfunction!(html::html_select, module)?,
        wrap_pyfunction!(html::html_text, module)?,
        wrap_pyfunction!(html::html_to_markdown, module)?,
        wrap_pyfunction!(json::json_extract, module)?,
        wrap_pyfunction!(json::json_rows, module)?,
        wrap_pyfunction!(similar::dedupe, module)?,
        wrap_pyfunction!(similar::minhash, module)?,
        wrap_pyfunction!(text::regex_count, module)?,
        wrap_pyfunction!(text::regex_findall, module)?,
        wrap_pyfunction!(text::regex_replace, module)?,
    ];
    for function in functions {
        function.setattr("__module__", "shoal.parallel")?;
        module.add_function(function)?;
    }
    module.add_function(wrap_pyfunction!(keywords::_usable_cores, module)?)
}
