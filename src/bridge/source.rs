//! The source of a stream, and how its items become requests.
//!
//! A plain iterable is read on the consumer's thread when it takes a result and there is room: generators run where their
//! author expects, and no item crosses threads. An async iterable is read by `async_source`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use tokio::runtime::Handle;

use super::async_source::{Sink, start_reading};
use super::event_loop::require_loop;
use shoal_http::attempts::FetchResult;
use shoal_http::error::FetchError;
use shoal_http::request::Request;
use shoal_http::stream::FetchStream;

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
    /// A thread is reading it.
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
    /// There is no room for more.
    Full,
    /// The time was up.
    Paused,
    /// The input has ended.
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
    /// Of an iterable or async iterable. Reads nothing yet.
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, input: Input) -> Input {
        std::mem::replace(&mut self.lock().input, input)
    }

    /// The previous input is dropped without the lock: the end of an iterator runs Python code.
    fn set(&self, input: Input) {
        drop(self.replace(input));
    }

    /// Reads no more.
    pub fn close(&self) {
        self.set(Input::Ended);
    }

    /// The exception of the input, once.
    pub fn take_raised(&self) -> Option<PyErr> {
        self.lock().raised.take()
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
                start_reading(self, self.flow.clone(), self.handle, &event_loop, iterable.bind(py))
                    .inspect_err(|_| self.source_ended(None))?;
                Ok(Filled::Full)
            }
            Input::Iterator(iterator) => {
                let (filled, raised) = match self.read(py, iterator.bind(py), in_loop) {
                    Ok(filled) => (filled, None),
                    Err(error) => (Filled::Ended, Some(error)),
                };
                if matches!(filled, Filled::Ended) {
                    self.source_ended(raised);
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

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(state) = self.state.try_lock() {
            match &state.input {
                Input::Iterator(iterator) => visit.call(iterator)?,
                Input::Async(iterable) => visit.call(iterable)?,
                Input::Busy | Input::Ended => {}
            }
        }
        Ok(())
    }
}

impl Sink for Source {
    fn accept(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let request = self.convert.request(py, item, self.flow.next_index())?;
        self.flow.push(self.handle, request);
        Ok(())
    }

    fn source_ended(&self, raised: Option<PyErr>) {
        self.close();
        let previous = std::mem::replace(&mut self.lock().raised, raised);
        drop(previous);
        self.flow.exhaust();
    }
}
