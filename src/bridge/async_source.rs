//! Reads an async iterable for a stream.
//!
//! The `__anext__` coroutines run on the consumer's event loop, in the task locals (loop, contextvars) that
//! pyo3-async-runtimes manages. A thread of its own waits for each of them, so that the reactor handles no Python object.
//! The thread holds its sink weakly: when the stream is dropped the thread ends and cancels the pending `__anext__`,
//! because a source that reads a queue must not take one more item out of it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3_async_runtimes::{TaskLocals, into_future_with_locals};
use tokio::runtime::Handle;

use super::detach::attached;
use super::lifecycle::exiting;
use shoal_http::stream::FetchStream;
use shoal_runtime::{FinalizeGuard, spawn_thread};

/// The receiver of the items.
pub trait Sink: Send + Sync + 'static {
    /// Takes an item. An error ends the reading.
    fn accept(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> PyResult<()>;

    /// The iterable is exhausted, or has raised.
    fn source_ended(&self, raised: Option<PyErr>);
}

/// Reads an iterable into a sink, on a thread of its own.
struct Reader<S> {
    sink: Weak<S>,
    flow: Arc<FetchStream>,
    handle: &'static Handle,
    locals: TaskLocals,
    iterator: Py<PyAny>,
    /// The last step. Kept to be dropped with the GIL at once: otherwise the next thread that takes the GIL would have to
    /// drop it.
    last: Option<Py<Step>>,
}

/// Starts to read `iterable` on `event_loop`, as fast as `flow` has room.
pub fn start_reading<S: Sink>(
    sink: &Arc<S>,
    flow: Arc<FetchStream>,
    handle: &'static Handle,
    event_loop: &Bound<'_, PyAny>,
    iterable: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = iterable.py();
    let locals = TaskLocals::new(event_loop.clone()).copy_context(py)?;
    let iterator = iterable.call_method0(intern!(py, "__aiter__"))?.unbind();
    // The first step starts on the loop's thread, where an async generator registers with the loop that will close it.
    let first = Step::start(&locals, iterator.bind(py))?;
    let mut reader = Reader { sink: Arc::downgrade(sink), flow, handle, locals, iterator, last: None };
    spawn_thread("shoal-source", move || {
        let result = reader.read(first);
        attached(move |py| {
            let raised = result.err().filter(|error| !error.is_instance_of::<PyStopAsyncIteration>(py));
            if let Some(sink) = reader.sink.upgrade() {
                sink.source_ended(raised);
            }
            drop(reader);
        });
    })?;
    Ok(())
}

impl<S: Sink> Reader<S> {
    /// Reads until the iterable raises (`StopAsyncIteration` at its end), or the stream is closed (`Ok`).
    fn read(&mut self, first: Started<impl Future<Output = PyResult<Py<PyAny>>> + Send>) -> PyResult<()> {
        let mut item = self.wait(first)?;
        while let Some(arrived) = item {
            let accepted = attached(|py| {
                drop(self.last.take());
                let arrived = arrived.into_bound(py);
                self.sink.upgrade().map(|sink| sink.accept(py, &arrived)).transpose()
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
        started: Started<impl Future<Output = PyResult<Py<PyAny>>> + Send>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let step = self.last.insert(started.step);
        let item = self.handle.block_on(self.flow.until_closed(started.future));
        if item.is_none() {
            // Fails if the loop is closed, which has cancelled the task.
            let _ = attached(|py| Step::cancel(step.bind(py), &self.locals.event_loop(py)));
        }
        item.transpose()
    }
}

/// A pending `__anext__`.
struct Started<F> {
    step: Py<Step>,
    future: F,
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
    ) -> PyResult<Started<impl Future<Output = PyResult<Py<PyAny>>> + Send + use<>>> {
        let py = iterator.py();
        let coroutine = iterator.call_method0(intern!(py, "__anext__"))?.unbind();
        let guard = Mutex::new(Some(FinalizeGuard::acquire().ok_or_else(exiting)?));
        let step = Bound::new(py, Self { coroutine, state: Mutex::new(StepState::New), guard })?;
        let future = into_future_with_locals(locals, step.clone().into_any())?;
        Ok(Started { step: step.unbind(), future })
    }

    fn replace(&self, state: StepState) -> StepState {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
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
        let _guard = slf.get().guard.lock().unwrap_or_else(PoisonError::into_inner).take();
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
        if let Ok(state) = self.state.try_lock()
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
