//! `Stream`: results as they arrive, from a source that is read only as fast as results are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::coroutine::Ready;
use super::detach::detached;
use super::event_loop::{interruptible, require_loop};
use super::job_state::SIGNAL_INTERVAL;
use super::lifecycle::{awaiting, calling_out, exiting, reactor};
use super::loop_waker::LoopWaker;
use super::progress::Progress;

use super::source::{Convert, Filled, SLICE, Source};
use super::stats::PyStats;
use shoal_http::stream::{FetchStream, Taken};
use shoal_runtime::{Mutex, fork, is_exiting};

/// The responses of `stream_fetch`, one by one.
///
/// `async for` on any event loop, plain `for` anywhere; also a context manager of either kind. Leaving the loop early,
/// `close()`, `aclose()` or dropping the Stream cancels the rest and releases its sockets. May be read from several
/// threads or tasks: each result goes to one of them.
#[pyclass(frozen, weakref, module = "shoal", generic)]
pub struct Stream {
    source: Arc<Source>,
    progress: Option<Progress>,
    total: Option<usize>,
    /// When the event loop last ran another task.
    yielded: Mutex<Instant>,
    generation: u32,
}

enum Next {
    Item(Py<PyAny>),
    End,
    Wait,
    /// Yield to the loop's other tasks, then read on: the source has more, and there is room.
    Yield,
}

impl Stream {
    /// The results of `requests`, an iterable or async iterable. Reads nothing yet.
    pub fn create(
        requests: &Bound<'_, PyAny>,
        convert: Box<dyn Convert>,
        flow: Arc<FetchStream>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let source = Source::new(requests, convert, flow, reactor()?)?;
        Ok(Self {
            source: Arc::new(source),
            progress: progress.map(Progress::new),
            total: requests.len().ok(),
            yielded: Mutex::new(Instant::now()),
            generation: fork::generation(),
        })
    }

    /// Whether the stream belongs to the parent of this process. Its threads may have held locks at the fork, so this
    /// process must not take them.
    fn is_parents(&self) -> bool {
        self.generation != fork::generation()
    }

    fn check_process(&self) -> PyResult<()> {
        if self.is_parents() {
            return Err(PyRuntimeError::new_err(
                "this Stream was started before fork(): its work goes on in the parent process only",
            ));
        }
        Ok(())
    }

    fn next(&self, py: Python<'_>, in_loop: bool) -> PyResult<Next> {
        self.check_process()?;
        let flow = &self.source.flow;
        let (filled, taken) = loop {
            let due = flow.is_due();
            let filled = if due { self.source.fill(py, in_loop)? } else { Filled::Full };
            match flow.take() {
                // Another consumer took the result that was ready before.
                Taken::Pending if !due && flow.is_due() => {}
                taken => break (filled, taken),
            }
        };
        match taken {
            Taken::Pending if is_exiting() => Err(exiting()),
            Taken::Pending if matches!(filled, Filled::Paused) => Ok(Next::Yield),
            Taken::Pending => Ok(Next::Wait),
            Taken::Item(_, outcome) => {
                self.source.convert.result(py, outcome).map(Next::Item).inspect_err(|_| self.finish(py))
            }
            Taken::End => {
                let raised = self.source.take_raised();
                self.finish(py);
                raised.map_or(Ok(Next::End), Err)
            }
        }
    }

    fn close_flow(&self) {
        if !self.is_parents() {
            self.source.flow.close();
        }
    }

    fn finish(&self, py: Python<'_>) {
        self.close_flow();
        if let Some(progress) = &self.progress
            && !self.is_parents()
        {
            progress.close(py, (self.source.flow.taken(), self.total));
        }
        self.source.close();
    }

    fn report(&self, py: Python<'_>) -> PyResult<()> {
        self.progress.as_ref().map_or(Ok(()), |progress| progress.report(py, (self.source.flow.taken(), self.total)))
    }
}

#[pymethods]
impl Stream {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        calling_out(|| {
            loop {
                match self.next(py, false)? {
                    Next::Item(item) => {
                        self.report(py)?;
                        return Ok(Some(item));
                    }
                    Next::End => return Ok(None),
                    Next::Yield => {}
                    Next::Wait => {
                        interruptible(py, || {
                            detached(py, || self.source.flow.wait(SIGNAL_INTERVAL));
                            py.check_signals()
                        })?;
                        self.report(py)?;
                    }
                }
            }
        })
    }

    fn __aiter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __anext__(slf: Bound<'_, Self>) -> NextItem {
        NextItem { stream: slf.unbind(), resumed: AtomicBool::new(false) }
    }

    /// Cancels what is not finished, releases its sockets and ends the stream.
    fn close(&self, py: Python<'_>) {
        self.finish(py);
    }

    /// The same as `close()`, to be awaited.
    fn aclose(&self, py: Python<'_>) -> Ready {
        self.finish(py);
        Ready::none(py)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, PyTuple>) {
        self.finish(py);
    }

    fn __aenter__(slf: Bound<'_, Self>) -> Ready {
        Ready(slf.unbind().into_any())
    }

    #[pyo3(signature = (*_error))]
    fn __aexit__(&self, py: Python<'_>, _error: &Bound<'_, PyTuple>) -> Ready {
        self.aclose(py)
    }

    /// What the stream has done so far, as `Job.stats`.
    #[getter]
    fn stats(&self) -> PyResult<PyStats> {
        self.check_process()?;
        Ok(self.source.flow.stats().into())
    }

    fn __repr__(&self) -> String {
        let of = self.total.map_or_else(String::new, |total| format!(" of {total}"));
        format!("<Stream: {}{of} taken; read it with `for` or `async for`>", self.source.flow.taken())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.source.traverse(&visit)?;
        self.progress.as_ref().map_or(Ok(()), |progress| progress.traverse(&visit))
    }

    fn __clear__(&self) {
        self.source.close();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close_flow();
    }
}

/// The awaitable of `async for`. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
struct NextItem {
    stream: Py<Stream>,
    resumed: AtomicBool,
}

#[pymethods]
impl NextItem {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stream = self.stream.get();
        {
            let mut yielded = stream.yielded.lock();
            if self.resumed.swap(true, Ordering::Relaxed) {
                *yielded = Instant::now();
            } else if yielded.elapsed() > SLICE {
                // A stream that always has a result ready would starve the other tasks.
                return Ok(py.None().into_bound(py));
            }
        }
        awaiting(py, || {
            loop {
                match stream.next(py, true)? {
                    Next::Item(item) => {
                        stream.report(py)?;
                        return Err(PyStopIteration::new_err((item,)));
                    }
                    Next::End => return Err(PyStopAsyncIteration::new_err(())),
                    Next::Yield => return Ok(py.None().into_bound(py)),
                    Next::Wait => {
                        stream.report(py)?;
                        let event_loop = require_loop(py)?;
                        let waker = LoopWaker::of(py, &event_loop)?;
                        let watch = |waiter, token| stream.source.flow.watch(waiter, token);
                        if let Some(future) = LoopWaker::future(&waker, &event_loop, watch)? {
                            return Ok(future);
                        }
                    }
                }
            }
        })
    }
}
