//! The source of a stream, and how its items become requests.
//!
//! A plain iterable is read on the consumer's thread when it takes a result and there is room: generators run where their
//! author expects, and no item crosses threads.
//!
//! The `__anext__` coroutines of an async iterable run on the consumer's event loop, in the task locals (loop, contextvars)
//! that pyo3-async-runtimes manages. A thread of its own waits for each of them, so that the reactor handles no Python
//! object. The thread holds the source weakly: when the stream is dropped the thread ends and cancels the pending
//! `__anext__`, because a source that reads a queue must not take one more item out of it.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyStopAsyncIteration, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use pyo3_async_runtimes::{TaskLocals, into_future_with_locals};
use tokio::runtime::Handle;

use super::detach::attached;
use super::event_loop::require_loop;
use super::lifecycle::exiting;
use shoal_http::attempts::FetchResult;
use shoal_http::error::FetchError;
use shoal_http::request::Request;
use shoal_http::stream::FetchStream;
use shoal_runtime::{FinalizeGuard, Mutex, spawn_thread};

/// How long an event loop's other tasks wait at most for the source and for results that are there.
pub const SLICE: Duration = Duration::from_millis(2);

/// Conversion of a stream's items and results.
pub trait Convert: Send + Sync {
    /// The request for an item; an inner error is delivered as its result.
    fn request(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        index: usize,
    ) -> PyResult<Result<Arc<Request>, FetchError>>;

    /// The object that the consumer receives for a result. An error ends the stream.
    fn result(&self, py: Python<'_>, outcome: FetchResult) -> PyResult<Py<PyAny>>;
}

enum Input {
    Iterator(Py<PyIterator>),
    Async(Py<PyAny>),
    Busy,
    Ended,
}

struct State {
    input: Input,
    /// The exception of the input, raised after all results.
    raised: Option<PyErr>,
}

/// How far [`Source::fill`] read.
pub enum Filled {
    Full,
    Paused,
    Ended,
}

/// The source of a stream and the requests made of it.
pub struct Source {
    pub(super) flow: Arc<FetchStream>,
    pub(super) convert: Box<dyn Convert>,
    handle: &'static Handle,
    state: Mutex<State>,
}

impl Source {
    pub fn new(
        iterable: &Bound<'_, PyAny>,
        convert: Box<dyn Convert>,
        flow: Arc<FetchStream>,
        handle: &'static Handle,
    ) -> PyResult<Self> {
        let input = if iterable.hasattr("__aiter__")? {
            Input::Async(iterable.clone().unbind())
        } else {
            Input::Iterator(iterable.try_iter()?.unbind())
        };
        flow.arm(handle);
        Ok(Self { flow, convert, handle, state: Mutex::new(State { input, raised: None }) })
    }

    fn replace(&self, input: Input) -> Input {
        std::mem::replace(&mut self.state.lock().input, input)
    }

    /// The previous input is dropped without the lock: the end of an iterator runs Python code.
    fn set(&self, input: Input) {
        drop(self.replace(input));
    }

    pub fn close(&self) {
        self.set(Input::Ended);
    }

    /// The exception of the input, once.
    pub fn take_raised(&self) -> Option<PyErr> {
        self.state.lock().raised.take()
    }

    /// Reads while there is room, for a limited time. With `in_loop` the caller is a task of an event loop.
    pub fn fill(self: &Arc<Self>, py: Python<'_>, in_loop: bool) -> PyResult<Filled> {
        let event_loop = if in_loop { Some(require_loop(py)?) } else { None };
        // Taken out while it runs: a generator may run any code, and other threads may call this.
        match self.replace(Input::Busy) {
            Input::Busy => Ok(Filled::Full),
            Input::Ended => {
                self.close();
                Ok(Filled::Full)
            }
            Input::Async(iterable) => {
                let Some(event_loop) = event_loop else {
                    self.set(Input::Async(iterable));
                    return Err(PyTypeError::new_err(
                        "requests is an async iterable: read the stream with `async for`",
                    ));
                };
                Reader::start(self, &event_loop, iterable.bind(py)).inspect_err(|_| self.end(None))?;
                Ok(Filled::Full)
            }
            Input::Iterator(iterator) => {
                let (filled, raised) = match self.read(py, iterator.bind(py), in_loop) {
                    Ok(filled) => (filled, None),
                    Err(error) => (Filled::Ended, Some(error)),
                };
                if matches!(filled, Filled::Ended) {
                    self.end(raised);
                } else {
                    self.set(Input::Iterator(iterator));
                }
                Ok(filled)
            }
        }
    }

    /// A slow input must not delay finished results or other tasks, a fast one must not let the workers run dry. So it is
    /// read for 2 ms, and longer while neither a result nor a task waits.
    fn read(&self, py: Python<'_>, iterator: &Bound<'_, PyIterator>, in_loop: bool) -> PyResult<Filled> {
        let mut iterator = iterator.clone();
        let started = Instant::now();
        for _ in 0..self.flow.room() {
            let Some(item) = iterator.next() else { return Ok(Filled::Ended) };
            self.accept(py, &item?)?;
            if started.elapsed() > SLICE && (in_loop || self.flow.is_ready()) {
                return Ok(Filled::Paused);
            }
        }
        Ok(Filled::Full)
    }

    fn accept(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let request = self.convert.request(py, item, self.flow.next_index())?;
        self.flow.push(self.handle, request);
        Ok(())
    }

    /// The input has ended, or has raised.
    fn end(&self, raised: Option<PyErr>) {
        self.close();
        let previous = std::mem::replace(&mut self.state.lock().raised, raised);
        drop(previous);
        self.flow.exhaust();
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(state) = self.state.try_lock() {
            match &state.input {
                Input::Iterator(iterator) => visit.call(iterator)?,
                Input::Async(iterable) => visit.call(iterable)?,
                Input::Busy | Input::Ended => {}
            }
        }
        Ok(())
    }
}

/// Reads an async iterable, on a thread of its own.
struct Reader {
    source: Weak<Source>,
    flow: Arc<FetchStream>,
    handle: &'static Handle,
    locals: TaskLocals,
    iterator: Py<PyAny>,
    /// The last step. Kept to be dropped with the GIL at once: otherwise the next thread that takes the GIL would have to
    /// drop it.
    last: Option<Py<Step>>,
}

impl Reader {
    /// Starts to read `iterable` on `event_loop`, as fast as there is room.
    fn start(source: &Arc<Source>, event_loop: &Bound<'_, PyAny>, iterable: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = iterable.py();
        let locals = TaskLocals::new(event_loop.clone()).copy_context(py)?;
        let iterator = iterable.call_method0(intern!(py, "__aiter__"))?.unbind();
        // The first step starts on the loop's thread, where an async generator registers with the loop that will close it.
        let first = Step::start(&locals, iterator.bind(py))?;
        let (flow, handle) = (source.flow.clone(), source.handle);
        let mut reader = Self { source: Arc::downgrade(source), flow, handle, locals, iterator, last: None };
        spawn_thread("shoal-source", move || {
            let result = reader.read(first);
            attached(move |py| {
                let raised = result.err().filter(|error| !error.is_instance_of::<PyStopAsyncIteration>(py));
                if let Some(source) = reader.source.upgrade() {
                    source.end(raised);
                }
                drop(reader);
            });
        })?;
        Ok(())
    }

    /// Reads until the iterable raises (`StopAsyncIteration` at its end), or the stream is closed (`Ok`).
    fn read(&mut self, first: (Py<Step>, impl Future<Output = PyResult<Py<PyAny>>> + Send)) -> PyResult<()> {
        let mut item = self.wait(first)?;
        while let Some(arrived) = item {
            let accepted = attached(|py| {
                drop(self.last.take());
                let arrived = arrived.into_bound(py);
                self.source.upgrade().map(|source| source.accept(py, &arrived)).transpose()
            });
            if accepted?.is_none() || !self.flow.wait_for_room() {
                return Ok(());
            }
            let next = attached(|py| Step::start(&self.locals, self.iterator.bind(py)))?;
            item = self.wait(next)?;
        }
        Ok(())
    }

    /// The item of a step; `None` if the stream was closed first.
    fn wait(
        &mut self,
        (step, future): (Py<Step>, impl Future<Output = PyResult<Py<PyAny>>> + Send),
    ) -> PyResult<Option<Py<PyAny>>> {
        let step = self.last.insert(step);
        let item = self.handle.block_on(self.flow.until_closed(future));
        if item.is_none() {
            // Fails if the loop is closed, which has cancelled the task.
            let _ = attached(|py| Step::cancel(step.bind(py), &self.locals.event_loop(py)));
        }
        item.transpose()
    }
}

/// The awaitable that the loop's task for one `__anext__` awaits. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
struct Step {
    coroutine: Py<PyAny>,
    state: Mutex<StepState>,
    /// Held until the loop awaits this: on the way there asyncio's Python code runs, called from Rust.
    guard: Mutex<Option<FinalizeGuard>>,
}

enum StepState {
    New,
    AwaitedBy(Py<PyAny>),
    Cancelled,
}

impl Step {
    fn start(
        locals: &TaskLocals,
        iterator: &Bound<'_, PyAny>,
    ) -> PyResult<(Py<Step>, impl Future<Output = PyResult<Py<PyAny>>> + Send + use<>)> {
        let py = iterator.py();
        let coroutine = iterator.call_method0(intern!(py, "__anext__"))?.unbind();
        let guard = Mutex::new(Some(FinalizeGuard::acquire().ok_or_else(exiting)?));
        let step = Bound::new(py, Self { coroutine, state: Mutex::new(StepState::New), guard })?;
        let future = into_future_with_locals(locals, step.clone().into_any())?;
        Ok((step.unbind(), future))
    }

    fn replace(&self, state: StepState) -> StepState {
        std::mem::replace(&mut *self.state.lock(), state)
    }

    fn cancel(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        if let StepState::AwaitedBy(task) = slf.get().replace(StepState::Cancelled) {
            let cancel = task.bind(py).getattr(intern!(py, "cancel"))?;
            event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (cancel,))?;
        }
        Ok(())
    }
}

#[pymethods]
impl Step {
    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let _guard = slf.get().guard.lock().take();
        let asyncio = py.import(intern!(py, "asyncio"))?;
        let task = asyncio.call_method0(intern!(py, "current_task"))?;
        if matches!(slf.get().replace(StepState::AwaitedBy(task.clone().unbind())), StepState::Cancelled) {
            task.call_method0(intern!(py, "cancel"))?;
        }
        slf.get().coroutine.bind(py).call_method0(intern!(py, "__await__"))
    }

    /// The exception of the task may refer to this object through the frame that awaits.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)?;
        if let Some(state) = self.state.try_lock()
            && let StepState::AwaitedBy(task) = &*state
        {
            visit.call(task)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        drop(self.replace(StepState::Cancelled));
    }
}
