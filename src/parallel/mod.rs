//! `shoal.parallel`: for each kernel a function that parses its arguments and starts a batch on the pool.
//!
//! `documents` turns the argument `docs` into documents and keeps the owners of their memory (`borrowed_buffers`). `run`
//! starts the batch, `results` makes Python objects of its results, in slices.

mod arguments;
mod borrowed_buffers;
pub mod bytes;
pub mod column;
mod documents;
pub mod html;
pub mod json;
mod results;
mod run;
pub mod similar;
pub mod table;
pub mod text;

use pyo3::prelude::*;

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
    module.add_function(wrap_pyfunction!(arguments::_usable_cores, module)?)
}
