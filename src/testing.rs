//! `shoal.testing`: the embedded server as a Python class. `shoal.testing.Server` adds `async with` and typed statistics.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::bridge::detach::detached;
use crate::bridge::exceptions::os_error;
use shoal_testserver::{Options, Server};

/// An HTTP/1.1 server on its own threads, running from construction until ``close()``.
///
/// The documented class is :class:`shoal.testing.Server`.
#[pyclass(name = "Server", module = "shoal._shoal", subclass, frozen)]
pub(crate) struct PyServer(Arc<Server>);

#[pymethods]
impl PyServer {
    #[new]
    #[pyo3(signature = (*, host="127.0.0.1", port=0, latency=0.0, players=500, threads=1))]
    fn new(py: Python<'_>, host: &str, port: u16, latency: f64, players: usize, threads: usize) -> PyResult<Self> {
        let latency = Duration::try_from_secs_f64(latency)
            .map_err(|_| PyValueError::new_err(format!("latency must be a number of seconds from 0, not {latency}")))?;
        if threads == 0 || threads > 256 {
            return Err(PyValueError::new_err(format!("threads must be from 1 to 256, not {threads}")));
        }
        if players > 1_000_000 {
            return Err(PyValueError::new_err(format!("players must be at most 1000000, not {players}")));
        }
        let options = Options { host: host.to_owned(), port, latency, players, threads };
        let server = detached(py, || Server::start(&options)).map_err(|error| {
            os_error(&error, format!("cannot listen on {}:{}: {error}", options.host, options.port))
        })?;
        Ok(Self(Arc::new(server)))
    }

    /// The base URL, without a slash at the end: ``"http://127.0.0.1:43210"``.
    #[getter]
    fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// The address it listens on, as a string.
    #[getter]
    fn host(&self) -> String {
        self.0.address().ip().to_string()
    }

    /// The port it listens on; with ``port=0`` the one that the system chose.
    #[getter]
    fn port(&self) -> u16 {
        self.0.address().port()
    }

    /// Whether ``close()`` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.0.is_closed()
    }

    /// The URL of a path: ``server.url("/json/10")``. A missing leading slash is added.
    #[pyo3(signature = (path="/"))]
    fn url(&self, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{path}", self.0.base_url())
    }

    /// The number of requests to a route and the routes below it: ``server.requests("/fault/flaky")``; all by default.
    #[pyo3(signature = (path="/"))]
    fn requests(&self, path: &str) -> u64 {
        self.0.requests(path)
    }

    /// The number of requests whose query had ``key=<key>``, on any route.
    fn attempts(&self, key: &str) -> u64 {
        self.0.attempts(key)
    }

    /// The counters since the start or ``reset_stats()``, as a dict of integers.
    #[pyo3(name = "_stats")]
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.0.stats();
        let dict = PyDict::new(py);
        let counts = [
            ("requests", stats.requests),
            ("connections_opened", stats.connections_opened),
            ("connections_open", stats.connections_open),
            ("peak_connections", stats.peak_connections),
            ("requests_active", stats.requests_active),
            ("peak_requests", stats.peak_requests),
            ("bytes_sent", stats.bytes_sent),
        ];
        for (name, count) in counts {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }

    /// Resets the counters to zero, peaks to what is open now, and fault routes to their first attempt.
    fn reset_stats(&self) {
        self.0.reset_stats();
    }

    /// Closes the port and all connections and waits until they are closed. Calling it again does nothing.
    fn close(&self, py: Python<'_>) {
        detached(py, || self.0.close());
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(&self, py: Python<'_>, _exc_info: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        let state = if self.0.is_closed() { "closed" } else { "running" };
        format!("<Server {} {state}>", self.0.base_url())
    }
}
