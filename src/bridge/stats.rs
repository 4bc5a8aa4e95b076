//! `JobStats`: a snapshot of what a job has done.

use std::borrow::Cow;
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
#[pyclass(frozen, get_all, module = "shoal", name = "JobStats")]
pub struct PyStats {
    /// Finished requests.
    total: u64,
    /// Requests that ended in a response of any status.
    ok: u64,
    /// Requests that ended in an exception.
    failed: u64,
    /// The number of responses by status: `dict[int, int]`.
    by_status: BTreeMap<u16, u64>,
    /// The number of failed requests by class name of the exception: `dict[str, int]`.
    by_error: BTreeMap<Cow<'static, str>, u64>,
    /// The number of requests by transport: `dict[str, int]`. "http1" is Shoal's own HTTP/1.1; "reqwest" is for HTTP/2, for
    /// proxies, and for connections to `https` servers that were made before it was known that they do not offer HTTP/2.
    by_transport: BTreeMap<&'static str, u64>,
    /// The number of retries.
    retries: u64,
    /// The number of retries by status or class name of the exception: `dict[str, int]`.
    retries_by_cause: BTreeMap<Cow<'static, str>, u64>,
    /// The size of all decoded bodies in bytes.
    bytes: u64,
    /// The time from the start of the job to its end, or to now.
    wall_time: f64,
    /// The number of connections opened.
    connections_opened: u64,
    /// The time a request waited for its last attempt: for limits, pauses and earlier attempts.
    queue: Times,
    /// The time it took to open a connection.
    connect: Times,
    /// The time from the permit to send to the head of the response.
    first_byte: Times,
    /// The time from the head to the last byte of the body.
    body: Times,
    /// What limited the job: "concurrency", "per_host", "rate", "retry_after", "server", "bandwidth", "cpu" or
    /// "nothing".
    limited_by: &'static str,
}

/// A dict in Python.
#[derive(Clone, Copy, IntoPyObject)]
struct Times {
    count: u64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
    mean: f64,
}

impl From<Percentiles> for Times {
    fn from(of: Percentiles) -> Self {
        Self { count: of.count, p50: of.p50, p90: of.p90, p99: of.p99, max: of.max, mean: of.mean }
    }
}

impl From<Stats> for PyStats {
    fn from(stats: Stats) -> Self {
        Self {
            total: stats.total,
            ok: stats.ok,
            failed: stats.failed,
            by_status: stats.by_status,
            by_error: stats.by_error,
            by_transport: stats.by_transport,
            retries: stats.retries,
            retries_by_cause: stats.retries_by_cause,
            bytes: stats.bytes,
            wall_time: stats.wall.as_secs_f64(),
            connections_opened: stats.connections_opened,
            queue: stats.queue.into(),
            connect: stats.connect.into(),
            first_byte: stats.first_byte.into(),
            body: stats.body.into(),
            limited_by: stats.limited_by.as_str(),
        }
    }
}

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

/// Warns the caller of a property that goes with the next minor version.
fn deprecated(py: Python<'_>, message: &CStr) -> PyResult<()> {
    PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), message, 1)
}

impl PyStats {
    /// The requests by transport, under the old names.
    fn lanes(&self) -> BTreeMap<&'static str, u64> {
        let old = |(transport, count): (&&str, &u64)| (if *transport == "http1" { "lean" } else { "full" }, *count);
        self.by_transport.iter().map(old).collect()
    }
}

#[pymethods]
impl PyStats {
    /// The old name of `by_transport`, with "lean" for "http1" and "full" for "reqwest". Deprecated.
    #[getter]
    fn by_lane(&self, py: Python<'_>) -> PyResult<BTreeMap<&'static str, u64>> {
        deprecated(py, c"JobStats.by_lane is deprecated: use JobStats.by_transport")?;
        Ok(self.lanes())
    }

    /// The old name of `wall_time`. Deprecated.
    #[getter]
    fn wall(&self, py: Python<'_>) -> PyResult<f64> {
        deprecated(py, c"JobStats.wall is deprecated: use JobStats.wall_time")?;
        Ok(self.wall_time)
    }

    /// All figures as a dict, ready for `json.dumps`. It also has the deprecated keys `by_lane` and `wall`.
    fn as_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(slf.py());
        for name in FIELDS {
            dict.set_item(name, slf.getattr(name)?)?;
        }
        dict.set_item("by_lane", slf.get().lanes())?;
        dict.set_item("wall", slf.get().wall_time)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let statuses: Vec<String> = self.by_status.iter().map(|(status, count)| format!("{count}×{status}")).collect();
        let errors: Vec<String> = self.by_error.iter().map(|(class, count)| format!("{count}×{class}")).collect();
        let Self { total, wall_time, bytes, retries, connections_opened, limited_by, .. } = self;
        if *limited_by == LimitedBy::Cpu.as_str() {
            let failed = if errors.is_empty() { String::new() } else { format!(" ({})", errors.join(", ")) };
            return format!("<JobStats {total} finished{failed} in {wall_time:.3} s, limited by cpu>");
        }
        let ends = [statuses, errors].concat().join(", ");
        format!(
            "<JobStats {total} finished ({ends}) in {wall_time:.3} s, {bytes} bytes, {retries} retries, \
             {connections_opened} connections, limited by {limited_by}>"
        )
    }
}
