//! `JobStats`: a snapshot of what a job has done.

use std::collections::BTreeMap;
use std::ffi::CStr;

use pyo3::exceptions::PyDeprecationWarning;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use shoal_http::stats::{LimitedBy, Percentiles, Stats};

/// What a job has done so far. A snapshot: read `job.stats` again for newer figures.
///
/// For a job of `shoal.parallel`, "requests" are its documents or items.
///
/// All times are in seconds. The times of the phases (`queue`, `connect`, `first_byte`, `body`) are dicts with `count`,
/// `p50`, `p90`, `p99`, `max` and `mean`, over the last attempt of every finished request.
#[pyclass(frozen, module = "shoal", name = "JobStats")]
pub struct PyStats(pub Stats);

/// The keys of `as_dict()`, besides the deprecated ones.
const FIELDS: [&str; 16] = [
    "total",
    "ok",
    "failed",
    "by_status",
    "by_error",
    "by_transport",
    "retries",
    "retries_by_cause",
    "bytes",
    "wall_time",
    "connections_opened",
    "queue",
    "connect",
    "first_byte",
    "body",
    "limited_by",
];

fn percentiles<'py>(py: Python<'py>, of: &Percentiles) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("count", of.count)?;
    let seconds = [("p50", of.p50), ("p90", of.p90), ("p99", of.p99), ("max", of.max), ("mean", of.mean)];
    for (name, value) in seconds {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// Warns the caller of a property that goes with the next minor version.
fn deprecated(py: Python<'_>, message: &CStr) -> PyResult<()> {
    PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), message, 1)
}

impl PyStats {
    /// The requests by transport, under the old names.
    fn lanes(&self) -> BTreeMap<&'static str, u64> {
        let old = |(transport, count)| (if transport == "http1" { "lean" } else { "full" }, count);
        self.by_transport().into_iter().map(old).collect()
    }
}

#[pymethods]
impl PyStats {
    /// Finished requests.
    #[getter]
    fn total(&self) -> u64 {
        self.0.total
    }

    /// Requests that ended in a response of any status.
    #[getter]
    fn ok(&self) -> u64 {
        self.0.ok
    }

    /// Requests that ended in an exception.
    #[getter]
    fn failed(&self) -> u64 {
        self.0.failed
    }

    /// The number of responses by status: `dict[int, int]`.
    #[getter]
    fn by_status(&self) -> BTreeMap<u16, u64> {
        self.0.by_status.clone()
    }

    /// The number of failed requests by class name of the exception: `dict[str, int]`.
    #[getter]
    fn by_error(&self) -> BTreeMap<String, u64> {
        self.0.by_error.iter().map(|(class, count)| (class.to_string(), *count)).collect()
    }

    /// The number of requests by transport: `dict[str, int]`. "http1" is Shoal's own HTTP/1.1; "reqwest" is for HTTP/2, for
    /// proxies, and for connections to `https` servers that were made before it was known that they do not offer HTTP/2.
    #[getter]
    fn by_transport(&self) -> BTreeMap<&'static str, u64> {
        self.0.by_transport.clone()
    }

    /// The old name of `by_transport`, with "lean" for "http1" and "full" for "reqwest". Deprecated.
    #[getter]
    fn by_lane(&self, py: Python<'_>) -> PyResult<BTreeMap<&'static str, u64>> {
        deprecated(py, c"JobStats.by_lane is deprecated: use JobStats.by_transport")?;
        Ok(self.lanes())
    }

    /// The number of retries.
    #[getter]
    fn retries(&self) -> u64 {
        self.0.retries
    }

    /// The number of retries by status or class name of the exception: `dict[str, int]`.
    #[getter]
    fn retries_by_cause(&self) -> BTreeMap<String, u64> {
        self.0.retries_by_cause.iter().map(|(cause, count)| (cause.to_string(), *count)).collect()
    }

    /// The size of all decoded bodies in bytes.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The time from the start of the job to its end, or to now.
    #[getter]
    fn wall_time(&self) -> f64 {
        self.0.wall.as_secs_f64()
    }

    /// The old name of `wall_time`. Deprecated.
    #[getter]
    fn wall(&self, py: Python<'_>) -> PyResult<f64> {
        deprecated(py, c"JobStats.wall is deprecated: use JobStats.wall_time")?;
        Ok(self.wall_time())
    }

    /// The number of connections opened.
    #[getter]
    fn connections_opened(&self) -> u64 {
        self.0.connections_opened
    }

    /// The time a request waited for its last attempt: for limits, pauses and earlier attempts.
    #[getter]
    fn queue<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.queue)
    }

    /// The time it took to open a connection.
    #[getter]
    fn connect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.connect)
    }

    /// The time from the permit to send to the head of the response.
    #[getter]
    fn first_byte<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.first_byte)
    }

    /// The time from the head to the last byte of the body.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.body)
    }

    /// What limited the job: "concurrency", "per_host", "rate", "retry_after", "server", "bandwidth", "cpu" or
    /// "nothing".
    #[getter]
    fn limited_by(&self) -> &'static str {
        self.0.limited_by.as_str()
    }

    /// All figures as a dict, ready for `json.dumps`. It also has the deprecated keys `by_lane` and `wall`.
    fn as_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(slf.py());
        for name in FIELDS {
            dict.set_item(name, slf.getattr(name)?)?;
        }
        dict.set_item("by_lane", slf.get().lanes())?;
        dict.set_item("wall", slf.get().wall_time())?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let stats = &self.0;
        let statuses: Vec<String> = stats.by_status.iter().map(|(status, count)| format!("{count}×{status}")).collect();
        let errors: Vec<String> = stats.by_error.iter().map(|(class, count)| format!("{count}×{class}")).collect();
        if stats.limited_by == LimitedBy::Cpu {
            let wall_time = self.wall_time();
            let failed = if errors.is_empty() { String::new() } else { format!(" ({})", errors.join(", ")) };
            return format!("<JobStats {} finished{failed} in {wall_time:.3} s, limited by cpu>", stats.total);
        }
        format!(
            "<JobStats {} finished ({}) in {:.3} s, {} bytes, {} retries, {} connections, limited by {}>",
            stats.total,
            [statuses, errors].concat().join(", "),
            self.wall_time(),
            stats.bytes,
            stats.retries,
            stats.connections_opened,
            stats.limited_by.as_str(),
        )
    }
}
