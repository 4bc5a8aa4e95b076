//! What Python sees of the core, thin: conversions in and out, and the bridge.

mod awaiting;
mod batch;
mod body;
mod callbacks;
mod charset;
mod client;
mod error;
mod harvest;
mod headers;
mod input;
mod interrupt;
mod job;
mod json;
mod lifecycle;
mod limits;
mod links;
mod options;
mod outcome;
mod parallel;
mod params;
mod plan;
mod port;
mod progress;
mod promise;
mod request;
mod response;
mod restore;
mod server;
mod shown;
mod single;
mod source;
mod stats;
mod stream;
mod timeout;
mod unwatched;
mod work;

#[pyo3::pymodule(gil_used = false)]
mod _shoal {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::batch::{gather_fetch, stream_fetch};
    #[pymodule_export]
    use super::callbacks::_unraisable;
    #[pymodule_export]
    use super::client::PyClient;
    #[pymodule_export]
    use super::headers::PyHeaders;
    #[pymodule_export]
    use super::job::Job;
    #[pymodule_export]
    use super::limits::{PyLimits, PyRetry};
    #[pymodule_export]
    use super::parallel::bytes::{compress, decompress, hash};
    #[pymodule_export]
    use super::parallel::column::PyColumn;
    #[pymodule_export]
    use super::parallel::html::{html_article, html_links, html_select, html_text, html_to_markdown};
    #[pymodule_export]
    use super::parallel::json::{json_extract, json_rows};
    #[pymodule_export]
    use super::parallel::similar::{dedupe, minhash};
    #[pymodule_export]
    use super::parallel::table::PyTable;
    #[pymodule_export]
    use super::parallel::text::{regex_count, regex_findall, regex_replace};
    #[pymodule_export]
    use super::promise::{_end_with_parent, PyPromise};
    #[pymodule_export]
    use super::request::PyRequest;
    #[pymodule_export]
    use super::response::PyResponse;
    #[pymodule_export]
    use super::restore::restore_response;
    #[pymodule_export]
    use super::server::PyServer;
    #[pymodule_export]
    use super::stats::PyStats;
    #[pymodule_export]
    use super::stream::Stream;
    #[pymodule_export]
    use super::timeout::PyTimeout;

    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        for function in ["gather_fetch", "stream_fetch"] {
            // Where users find them; the classes say so by their `module`.
            module.getattr(function)?.setattr("__module__", "shoal")?;
        }
        for function in super::parallel::FUNCTIONS {
            module.getattr(function)?.setattr("__module__", "shoal.parallel")?;
        }
        super::headers::register(module.py())?;
        super::lifecycle::register(module)
    }
}
