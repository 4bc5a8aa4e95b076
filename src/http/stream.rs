//! `Stream`: results as they come, from a source that is read only as fast as they are taken.
//!
//! A plain iterable is read on the consumer's own thread, when it takes a result and there is room enough: generators
//! run where their author expects them to, and nothing crosses threads. An async iterable is awaited on the consumer's
//! loop by a thread of its own (`source.rs`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration, PyStopIteration, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use tokio::runtime::Handle;

use super::error::to_python;
use super::response::into_python;
use super::source::pump;
use super::stats::PyStats;
use crate::arguments::plan::{Plan, SaveTo};
use crate::bridge::detach::detached;
use crate::bridge::interrupt::interruptible;
use crate::bridge::lifecycle::{awaiting, calling_out, exiting};
use crate::bridge::port::{Port, require_loop};
use crate::bridge::progress::Progress;
use shoal_http::save::SavedPaths;
use shoal_http::stream::{FetchStream, Taken};
use shoal_runtime::{fork, is_exiting};

/// How long results that are already there may keep an event loop from its other tasks.
const SLICE: Duration = Duration::from_millis(2);

/// How often a blocked thread looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);

enum Source {
    Iterator(Py<PyIterator>),
    Async(Py<PyAny>),
    /// Being read, or read by its own thread.
    Elsewhere,
    End,
}

struct State {
    source: Source,
    /// What the source raised: told after everything that was finished.
    raised: Option<PyErr>,
    /// When the loop had its last chance to run something else.
    yielded: Instant,
}

/// The responses of `stream_fetch`, one by one.
///
/// `async for` on any event loop, plain `for` anywhere; also a context manager of either kind. Leaving the loop early,
/// `close()`, `aclose()` or dropping the Stream cancels the rest and releases its sockets. May be read from several
/// threads or tasks: each result goes to one of them.
#[pyclass(frozen, weakref, module = "shoal", generic)]
pub struct Stream {
    flow: Arc<FetchStream>,
    plan: Arc<Plan>,
    /// The files that items were given.
    places: Option<SavedPaths>,
    handle: &'static Handle,
    state: Mutex<State>,
    progress: Option<Progress>,
    total: Option<usize>,
    generation: u32,
}

/// What the next step of a consumer is.
enum Next {
    Item(Py<PyAny>),
    End,
    Wait,
    /// The source has more, and there is room for it; but the loop's other tasks come first.
    Yield,
}

/// How far a source was read.
enum Filled {
    Enough,
    Paused,
    Ended,
}

impl Stream {
    /// Of `requests`, an iterable or async iterable. Reads nothing yet.
    pub fn create(
        requests: &Bound<'_, PyAny>,
        plan: Plan,
        flow: Arc<FetchStream>,
        handle: &'static Handle,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let source = if requests.hasattr("__aiter__")? {
            Source::Async(requests.clone().unbind())
        } else {
            Source::Iterator(requests.try_iter()?.unbind())
        };
        let total = requests.len().ok();
        flow.arm(handle);
        Ok(Self {
            flow,
            places: plan.save_to.as_ref().and_then(SaveTo::places),
            plan: Arc::new(plan),
            handle,
            state: Mutex::new(State { source, raised: None, yielded: Instant::now() }),
            progress: progress.map(Progress::new),
            total,
            generation: fork::generation(),
        })
    }

    /// Whether this is a forked child: the work goes on in the parent, and its locks are better left alone.
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

    fn close_flow(&self) {
        if !self.is_parents() {
            self.flow.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, source: Source) -> Source {
        std::mem::replace(&mut self.lock().source, source)
    }

    /// What was there is dropped when the lock is free again: an iterator's end runs Python code.
    fn put(&self, source: Source) {
        drop(self.replace(source));
    }

    /// Reads the source as far as there is room, or until something else is due. In an event loop, `in_loop`, an async
    /// one is awaited.
    fn fill(slf: &Bound<'_, Self>, in_loop: bool) -> PyResult<Filled> {
        let py = slf.py();
        let stream = slf.get();
        let event_loop = if in_loop { Some(require_loop(py)?) } else { None };
        // Taken out while it runs: a generator may do anything, and so may another thread meanwhile.
        match stream.replace(Source::Elsewhere) {
            Source::Elsewhere => Ok(Filled::Enough),
            Source::End => {
                stream.put(Source::End);
                Ok(Filled::Enough)
            }
            Source::Async(iterable) => {
                let Some(event_loop) = event_loop else {
                    stream.put(Source::Async(iterable));
                    return Err(PyTypeError::new_err(
                        "requests is an async iterable: read the stream with `async for`",
                    ));
                };
                pump(slf, &event_loop, iterable.bind(py)).inspect_err(|_| stream.source_ended(None))?;
                Ok(Filled::Enough)
            }
            Source::Iterator(iterator) => {
                let (filled, raised) = match stream.read(py, iterator.bind(py), in_loop) {
                    Ok(filled) => (filled, None),
                    Err(error) => (Filled::Ended, Some(error)),
                };
                if matches!(filled, Filled::Ended) {
                    stream.source_ended(raised);
                } else {
                    stream.put(Source::Iterator(iterator));
                }
                Ok(filled)
            }
        }
    }

    /// A slow source must not hold back what is finished, nor the other tasks of a loop; a quick one must not wait for
    /// the consumer, or the workers run dry. So it gets a time, and more only as long as nobody else waits.
    fn read(&self, py: Python<'_>, iterator: &Bound<'_, PyIterator>, in_loop: bool) -> PyResult<Filled> {
        let mut iterator = iterator.clone();
        let begun = Instant::now();
        for _ in 0..self.flow.room() {
            let Some(item) = iterator.next() else { return Ok(Filled::Ended) };
            self.accept(py, &item?)?;
            if begun.elapsed() > SLICE && (in_loop || self.flow.is_ready()) {
                return Ok(Filled::Paused);
            }
        }
        Ok(Filled::Enough)
    }

    /// Hands an item of the source over.
    pub fn accept(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let index = self.flow.next_index();
        let request = self.plan.request(py, item, index)?;
        if let Ok(request) = &request
            && let (Some(places), Some(path)) = (&self.places, &request.save_to)
            && !places.claim(path)
        {
            return Err(PyValueError::new_err(format!(
                "save_to: requests[{index}] would be written to {path:?} like one before it; use {{index}} or different \
                 names"
            )));
        }
        self.flow.push(self.handle, request);
        Ok(())
    }

    /// The source has ended, with an exception or without.
    pub fn source_ended(&self, raised: Option<PyErr>) {
        self.put(Source::End);
        let before = std::mem::replace(&mut self.lock().raised, raised);
        drop(before);
        self.flow.exhaust();
    }

    /// The stream under it.
    pub fn flow(&self) -> &Arc<FetchStream> {
        &self.flow
    }

    /// The reactor it runs on.
    pub fn handle(&self) -> &'static Handle {
        self.handle
    }

    fn take(slf: &Bound<'_, Self>, in_loop: bool) -> PyResult<Next> {
        let py = slf.py();
        let stream = slf.get();
        stream.check_process()?;
        let (filled, taken) = loop {
            let due = stream.flow.is_due();
            let filled = if due { Self::fill(slf, in_loop)? } else { Filled::Enough };
            match stream.flow.take() {
                // Another consumer has taken what was at hand.
                Taken::Pending if !due && stream.flow.is_due() => {}
                taken => break (filled, taken),
            }
        };
        match taken {
            Taken::Pending if is_exiting() => Err(exiting()),
            Taken::Pending if matches!(filled, Filled::Paused) => Ok(Next::Yield),
            Taken::Pending => Ok(Next::Wait),
            Taken::Item(_, outcome) => match outcome {
                Ok(response) => Ok(Next::Item(into_python(py, response)?.into_any())),
                Err(error) => {
                    let error = to_python(py, &error);
                    if stream.plan.return_exceptions {
                        return Ok(Next::Item(error.into_value(py).into_any()));
                    }
                    stream.finish(py);
                    Err(error)
                }
            },
            Taken::End => {
                let raised = stream.lock().raised.take();
                stream.finish(py);
                raised.map_or(Ok(Next::End), Err)
            }
        }
    }

    /// Whether the loop must run something else now.
    fn overdue(&self) -> bool {
        self.lock().yielded.elapsed() > SLICE
    }

    fn finish(&self, py: Python<'_>) {
        self.close_flow();
        if let Some(progress) = &self.progress
            && !self.is_parents()
        {
            progress.close(py, (self.flow.taken(), self.total));
        }
        self.put(Source::End);
    }

    fn report(&self, py: Python<'_>) -> PyResult<()> {
        self.progress.as_ref().map_or(Ok(()), |progress| progress.report(py, (self.flow.taken(), self.total)))
    }
}

#[pymethods]
impl Stream {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let stream = slf.get();
        calling_out(|| {
            loop {
                match Self::take(slf, false)? {
                    Next::Item(item) => {
                        stream.report(py)?;
                        return Ok(Some(item));
                    }
                    Next::End => return Ok(None),
                    Next::Yield => {}
                    Next::Wait => {
                        interruptible(py, || {
                            detached(py, || stream.flow.wait(SIGNALS));
                            py.check_signals()
                        })?;
                        stream.report(py)?;
                    }
                }
            }
        })
    }

    fn __aiter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __anext__(slf: Bound<'_, Self>) -> Arrival {
        Arrival { stream: slf.unbind(), begun: AtomicBool::new(false) }
    }

    /// Cancels what is not finished, releases its sockets and ends the stream.
    fn close(&self, py: Python<'_>) {
        self.finish(py);
    }

    /// The same as `close()`, to be awaited.
    fn aclose(slf: &Bound<'_, Self>) -> Closed {
        slf.get().finish(slf.py());
        Closed
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) {
        self.finish(py);
    }

    fn __aenter__(slf: Bound<'_, Self>) -> Entered {
        Entered(slf.unbind().into_any())
    }

    #[pyo3(signature = (*_error))]
    fn __aexit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) -> Closed {
        self.finish(py);
        Closed
    }

    /// What the stream has done so far, as `Job.stats`.
    #[getter]
    fn stats(&self) -> PyResult<PyStats> {
        self.check_process()?;
        Ok(PyStats(self.flow.stats()))
    }

    fn __repr__(&self) -> String {
        let of = self.total.map_or_else(String::new, |total| format!(" of {total}"));
        format!("<Stream: {}{of} taken; read it with `for` or `async for`>", self.flow.taken())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(state) = self.state.try_lock() {
            match &state.source {
                Source::Iterator(iterator) => visit.call(iterator)?,
                Source::Async(iterable) => visit.call(iterable)?,
                Source::Elsewhere | Source::End => {}
            }
        }
        self.progress.as_ref().map_or(Ok(()), |progress| progress.traverse(&visit))
    }

    fn __clear__(&self) {
        self.put(Source::End);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close_flow();
    }
}

/// What `async for` awaits. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
pub struct Arrival {
    stream: Py<Stream>,
    begun: AtomicBool,
}

#[pymethods]
impl Arrival {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let slf = self.stream.bind(py);
        let stream = slf.get();
        if self.begun.swap(true, Ordering::Relaxed) {
            // The loop has run something else since.
            stream.lock().yielded = Instant::now();
        } else if stream.overdue() {
            // Results that are always there would starve the loop's other tasks.
            return Ok(py.None().into_bound(py));
        }
        awaiting(py, || {
            loop {
                match Stream::take(slf, true)? {
                    Next::Item(item) => {
                        stream.report(py)?;
                        return Err(PyStopIteration::new_err((item,)));
                    }
                    Next::End => return Err(PyStopAsyncIteration::new_err(())),
                    Next::Yield => return Ok(py.None().into_bound(py)),
                    Next::Wait => {
                        stream.report(py)?;
                        let event_loop = require_loop(py)?;
                        let port = Port::of(py, &event_loop)?;
                        let waiting =
                            Port::future(&port, &event_loop, |waiter, token| stream.flow.watch(waiter, token))?;
                        if let Some(future) = waiting {
                            return Ok(future);
                        }
                    }
                }
            }
        })
    }
}

/// An awaitable that is done. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
pub struct Closed;

#[pymethods]
impl Closed {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }
}

/// An awaitable that gives what it holds at once. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
pub struct Entered(pub Py<PyAny>);

#[pymethods]
impl Entered {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(PyStopIteration::new_err((self.0.clone_ref(py),)))
    }
}
