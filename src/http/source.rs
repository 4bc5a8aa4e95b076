//! Reads an async iterable for a stream.
//!
//! Its `__anext__` coroutines run on the consumer's event loop, in the task locals (loop, contextvars) that
//! pyo3-async-runtimes manages; a thread of its own waits for each of them, so that the reactor never meets a Python
//! object. The thread holds the stream weakly: dropping the stream ends it, and cancels the `__anext__` under way: a
//! source that waits for a queue must not take one more item out of it.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;
use pyo3_async_runtimes::{TaskLocals, into_future_with_locals};

use super::stream::Stream;
use crate::bridge::detach::attached;
use crate::bridge::lifecycle::exiting;
use shoal_http::stream::FetchStream;
use shoal_runtime::{FinalizeGuard, spawn_thread};

/// Starts reading `iterable` on `event_loop`.
pub fn pump(slf: &Bound<'_, Stream>, event_loop: &Bound<'_, PyAny>, iterable: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = slf.py();
    let locals = TaskLocals::new(event_loop.clone()).copy_context(py)?;
    let iterator = iterable.call_method0(intern!(py, "__aiter__"))?.unbind();
    // The first on this thread, the loop's: that is where an async generator looks for the loop that is to close it.
    let first = Step::start(&locals, iterator.bind(py))?;
    let stream = PyWeakrefReference::new(slf.as_any())?.unbind();
    let (flow, handle) = (slf.get().flow().clone(), slf.get().handle());
    spawn_thread("shoal-source", move || {
        let mut last = None;
        let ended = read(&flow, handle, first, &mut last, &locals, &iterator, &stream);
        attached(|py| {
            let raised = ended.err().filter(|error| !error.is_instance_of::<PyStopAsyncIteration>(py));
            with_stream(py, &stream, |stream| stream.source_ended(raised));
            // Dropped here, attached.
            drop((last, locals, iterator, stream));
        });
    })?;
    Ok(())
}

fn with_stream<T>(py: Python<'_>, stream: &Py<PyWeakrefReference>, work: impl FnOnce(&Stream) -> T) -> Option<T> {
    let alive = stream.bind(py).upgrade()?;
    alive.cast::<Stream>().ok().map(|stream| work(stream.get()))
}

/// Until the source ends (`StopAsyncIteration`), raises, or nobody wants more (`Ok`). Keeps the `last` step, which must be
/// dropped with the GIL: whoever took the GIL next would have to do it, in the middle of something else.
fn read(
    flow: &Arc<FetchStream>,
    handle: &tokio::runtime::Handle,
    first: Started<impl Future<Output = PyResult<Py<PyAny>>> + Send>,
    last: &mut Option<Py<Step>>,
    locals: &TaskLocals,
    iterator: &Py<PyAny>,
    stream: &Py<PyWeakrefReference>,
) -> PyResult<()> {
    let mut item = first.wait(flow, handle, last, locals)?;
    while let Some(arrived) = item {
        let accepted = attached(|py| {
            drop(last.take());
            let arrived = arrived.into_bound(py);
            with_stream(py, stream, |stream| stream.accept(py, &arrived)).transpose()
        });
        if accepted?.is_none() {
            return Ok(());
        }
        if !flow.wait_for_room() {
            return Ok(());
        }
        let next = attached(|py| Step::start(locals, iterator.bind(py)))?;
        item = next.wait(flow, handle, last, locals)?;
    }
    Ok(())
}

/// An `__anext__` under way, and what it will give.
struct Started<F> {
    step: Py<Step>,
    future: F,
}

impl<F: Future<Output = PyResult<Py<PyAny>>>> Started<F> {
    /// The item; `None` if the stream was closed before it came.
    fn wait(
        self,
        flow: &FetchStream,
        handle: &tokio::runtime::Handle,
        last: &mut Option<Py<Step>>,
        locals: &TaskLocals,
    ) -> PyResult<Option<Py<PyAny>>> {
        let step = last.insert(self.step);
        let item = handle.block_on(flow.until_closed(self.future));
        if item.is_none() {
            // A loop that is closed by now has cancelled it already.
            let _ = attached(|py| Step::cancel(step.bind(py), &locals.event_loop(py)));
        }
        item.transpose()
    }
}

/// What the loop's task for one `__anext__` awaits. Internal.
#[pyclass(frozen, module = "shoal._shoal")]
struct Step {
    coroutine: Py<PyAny>,
    state: Mutex<Awaited>,
    /// Until the loop has begun with it: asyncio's Python code runs on the way there, with Rust further up the stack.
    guard: Mutex<Option<FinalizeGuard>>,
}

enum Awaited {
    NotYet,
    By(Py<PyAny>),
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
        let step = Bound::new(py, Self { coroutine, state: Mutex::new(Awaited::NotYet), guard })?;
        let future = into_future_with_locals(locals, step.clone().into_any())?;
        Ok(Started { step: step.unbind(), future })
    }

    fn replace(&self, state: Awaited) -> Awaited {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    fn cancel(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        if let Awaited::By(task) = slf.get().replace(Awaited::Cancelled) {
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
        if matches!(slf.get().replace(Awaited::By(task.clone().unbind())), Awaited::Cancelled) {
            task.call_method0(intern!(py, "cancel"))?;
        }
        slf.get().coroutine.bind(py).call_method0(intern!(py, "__await__"))
    }

    /// The task's own exception may lead back here, through the frame that awaits.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)?;
        if let Ok(state) = self.state.try_lock()
            && let Awaited::By(task) = &*state
        {
            visit.call(task)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        drop(self.replace(Awaited::Cancelled));
    }
}
