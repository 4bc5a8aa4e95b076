//! Reads an async iterable for a stream.
//!
//! Its `__anext__` coroutines run on the consumer's event loop, in the task locals (loop, contextvars) that
//! pyo3-async-runtimes manages; a thread of its own waits for each of them, so that the reactor never meets a Python
//! object. The thread holds the stream weakly: dropping the stream ends it.

use std::sync::Arc;

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;
use pyo3_async_runtimes::{TaskLocals, into_future_with_locals};

use super::stream::Stream;
use crate::core::stream::Flow;
use crate::runtime;
use crate::runtime::detach::attached;

/// Starts reading `iterable` on `event_loop`.
pub fn pump(slf: &Bound<'_, Stream>, event_loop: &Bound<'_, PyAny>, iterable: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = slf.py();
    let locals = TaskLocals::new(event_loop.clone()).copy_context(py)?;
    let iterator = iterable.call_method0(intern!(py, "__aiter__"))?.unbind();
    let stream = PyWeakrefReference::new(slf.as_any())?.unbind();
    let (flow, handle) = (slf.get().flow().clone(), slf.get().handle());
    runtime::thread("shoal-source", move || {
        let ended = read(&flow, handle, &locals, &iterator, &stream);
        attached(|py| {
            let raised = ended.err().filter(|error| !error.is_instance_of::<PyStopAsyncIteration>(py));
            with_stream(py, &stream, |stream| stream.source_ended(raised));
            // Dropped here, attached.
            drop((locals, iterator, stream));
        });
    })?;
    Ok(())
}

fn with_stream<T>(py: Python<'_>, stream: &Py<PyWeakrefReference>, work: impl FnOnce(&Stream) -> T) -> Option<T> {
    let alive = stream.bind(py).upgrade()?;
    alive.cast::<Stream>().ok().map(|stream| work(stream.get()))
}

/// Until the source ends (`StopAsyncIteration`), raises, or nobody wants more (`Ok`).
fn read(
    flow: &Arc<Flow>,
    handle: &tokio::runtime::Handle,
    locals: &TaskLocals,
    iterator: &Py<PyAny>,
    stream: &Py<PyWeakrefReference>,
) -> PyResult<()> {
    while flow.wait_for_room() {
        let next = attached(|py| {
            let coroutine = iterator.bind(py).call_method0(intern!(py, "__anext__"))?;
            into_future_with_locals(locals, coroutine)
        });
        let Some(next) = next else { return Ok(()) };
        let Some(item) = handle.block_on(flow.until_closed(next?)) else { return Ok(()) };
        let item = item?;
        let accepted = attached(|py| {
            let item = item.into_bound(py);
            with_stream(py, stream, |stream| stream.accept(py, &item)).transpose()
        });
        if !matches!(accepted, Some(Ok(Some(())))) {
            return accepted.map_or(Ok(()), |accepted| accepted.map(drop));
        }
    }
    Ok(())
}
