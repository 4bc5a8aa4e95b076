//! `JobStats`: what a job did, as a snapshot.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use shoal_http::stats::{LimitedBy, Percentiles, Stats};

/// What a job has done so far. A snapshot: read `job.stats` again for newer figures.
///
/// Of a job of `shoal.parallel` what is said of requests holds for its documents or items, and nothing was sent.
///
/// All times are in seconds. The times of the parts (`queue`, `connect`, `first_byte`, `body`) are dicts with `count`,
/// `p50`, `p90`, `p99`, `max` and `mean`, over the last attempt of every finished request.
#[pyclass(frozen, module = "shoal", name = "JobStats")]
pub struct PyStats(pub Stats);

fn percentiles<'py>(py: Python<'py>, of: &Percentiles) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("count", of.count)?;
    dict.set_item("p50", of.p50)?;
    dict.set_item("p90", of.p90)?;
    dict.set_item("p99", of.p99)?;
    dict.set_item("max", of.max)?;
    dict.set_item("mean", of.mean)?;
    Ok(dict)
}

#[pymethods]
impl PyStats {
    /// Finished requests.
    #[getter]
    fn total(&self) -> u64 {
        self.0.total
    }

    /// Finished requests that are responses, whatever their status.
    #[getter]
    fn ok(&self) -> u64 {
        self.0.ok
    }

    /// Finished requests that are exceptions.
    #[getter]
    fn failed(&self) -> u64 {
        self.0.failed
    }

    /// How many responses had which status: `dict[int, int]`.
    #[getter]
    fn by_status(&self) -> BTreeMap<u16, u64> {
        self.0.by_status.clone()
    }

    /// How many requests failed with which exception: `dict[str, int]` by class name.
    #[getter]
    fn by_error(&self) -> BTreeMap<String, u64> {
        self.0.by_error.iter().map(|(class, count)| (class.to_string(), *count)).collect()
    }

    /// How many requests took which lane: `dict[str, int]`. "lean" is HTTP/1.1; "full" is for HTTP/2, for proxies, and
    /// for connections to `https` servers that were made before it was known that they do without HTTP/2.
    #[getter]
    fn by_lane(&self) -> BTreeMap<&'static str, u64> {
        self.0.by_lane.clone()
    }

    /// Attempts after a request's first.
    #[getter]
    fn retries(&self) -> u64 {
        self.0.retries
    }

    /// Why they were made: `dict[str, int]` by status or class name.
    #[getter]
    fn retries_by_cause(&self) -> BTreeMap<String, u64> {
        self.0.retries_by_cause.iter().map(|(cause, count)| (cause.to_string(), *count)).collect()
    }

    /// Bytes of all bodies, decoded.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// From the start of the job to its end, or to now.
    #[getter]
    fn wall(&self) -> f64 {
        self.0.wall.as_secs_f64()
    }

    /// New connections that were opened.
    #[getter]
    fn connections_opened(&self) -> u64 {
        self.0.connections_opened
    }

    /// Waiting for a turn: concurrency, per-host and rate limits, pauses, earlier attempts.
    #[getter]
    fn queue<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.queue)
    }

    /// Opening new connections.
    #[getter]
    fn connect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.connect)
    }

    /// From the turn to the head of the response.
    #[getter]
    fn first_byte<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        percentiles(py, &self.0.first_byte)
    }

    /// From the head to the last byte.
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

    /// All figures as a dict, ready for `json.dumps` (`wall` in seconds).
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("total", self.0.total)?;
        dict.set_item("ok", self.0.ok)?;
        dict.set_item("failed", self.0.failed)?;
        dict.set_item("by_status", self.by_status())?;
        dict.set_item("by_error", self.by_error())?;
        dict.set_item("by_lane", self.by_lane())?;
        dict.set_item("retries", self.0.retries)?;
        dict.set_item("retries_by_cause", self.retries_by_cause())?;
        dict.set_item("bytes", self.0.bytes)?;
        dict.set_item("wall", self.0.wall.as_secs_f64())?;
        dict.set_item("connections_opened", self.0.connections_opened)?;
        dict.set_item("queue", self.queue(py)?)?;
        dict.set_item("connect", self.connect(py)?)?;
        dict.set_item("first_byte", self.first_byte(py)?)?;
        dict.set_item("body", self.body(py)?)?;
        dict.set_item("limited_by", self.limited_by())?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let stats = &self.0;
        let statuses: Vec<String> = stats.by_status.iter().map(|(status, count)| format!("{count}×{status}")).collect();
        let errors: Vec<String> = stats.by_error.iter().map(|(class, count)| format!("{count}×{class}")).collect();
        if stats.limited_by == LimitedBy::Cpu {
            let wall = stats.wall.as_secs_f64();
            let failed = if errors.is_empty() { String::new() } else { format!(" ({})", errors.join(", ")) };
            return format!("<JobStats {} finished{failed} in {wall:.3} s, limited by cpu>", stats.total);
        }
        format!(
            "<JobStats {} finished ({}) in {:.3} s, {} bytes, {} retries, {} connections, limited by {}>",
            stats.total,
            [statuses, errors].concat().join(", "),
            stats.wall.as_secs_f64(),
            stats.bytes,
            stats.retries,
            stats.connections_opened,
            stats.limited_by.as_str(),
        )
    }
}
