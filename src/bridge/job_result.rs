//! The result of a job: owned data from the reactor, converted into Python objects when it is first asked for.
//!
//! The lock around it is never held while Python code may run.

use std::mem;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::exceptions::exception_class;
use super::lifecycle::{exiting, is_lost};
use shoal_http::completion::{Completion, Promise, Waiter};
use shoal_http::stats::Stats;
use shoal_runtime::{Mutex, fork};

/// Work that runs, as its job sees it.
pub trait Work: Send + Sync {
    fn name(&self) -> &str;
    /// Stops the work, releases its sockets and returns the job's result; `None` if the work has just ended by itself.
    fn cancel(&self) -> Option<WorkResult>;
    /// How many items are finished, and of how many, where that is known.
    fn progress(&self) -> (usize, Option<usize>);
    fn stats(&self) -> Stats;
}

/// Owned data that becomes a Python object, in slices so that an event loop is not blocked.
pub trait IntoPython: Send {
    /// Converts until `deadline`; `None` if there is more to convert. An error is the exception of the job.
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>>;

    /// The exception that [`IntoPython::step`] would return, for the report of a dropped job; `None` if there is none.
    fn failure(&mut self, py: Python<'_>) -> Option<PyErr> {
        self.step(py, None).err()
    }
}

/// Data that is converted in one step.
struct Once<F>(Option<F>);

impl<F: FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send> IntoPython for Once<F> {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        self.0.take().map_or_else(|| Ok(py.None()), |convert| convert(py)).map(Some)
    }
}

/// A result that `convert` makes in one step.
pub fn once(convert: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) -> Box<dyn IntoPython> {
    Box::new(Once(Some(convert)))
}

/// How the work behind a job ended.
pub enum WorkResult {
    Done(Box<dyn IntoPython>),
    /// By a cancellation; with the finished results, if it is a batch.
    Cancelled(Option<Box<dyn IntoPython>>),
    /// The reactor was shut down.
    Lost,
    Panicked,
}

/// A completion for a job and the promise with which its work settles it.
pub fn completion_pair() -> (Arc<Completion<WorkResult>>, Promise<WorkResult>) {
    let completion = Arc::new(Completion::default());
    let lost = |panicking| if panicking { WorkResult::Panicked } else { WorkResult::Lost };
    (completion.clone(), Promise::new(completion, lost))
}

/// The result of a job, as Python objects.
pub enum JobOutcome {
    Value(Py<PyAny>),
    Raised(Py<PyBaseException>),
    /// A cancellation; with the finished results, if the work is a batch.
    Cancelled(Option<Py<PyAny>>),
}

impl JobOutcome {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Value(value) => Self::Value(value.clone_ref(py)),
            Self::Raised(error) => Self::Raised(error.clone_ref(py)),
            Self::Cancelled(results) => Self::Cancelled(results.as_ref().map(|results| results.clone_ref(py))),
        }
    }
}

/// How far a result is.
pub enum Advance {
    Pending,
    /// There is more to convert, or another thread is converting.
    More,
    Done(JobOutcome),
}

fn panicked(py: Python<'_>) -> PyErr {
    let message = "the engine panicked, which is a bug in Shoal; the panic message is on stderr";
    let error = exception_class(py, "InternalError").and_then(|class| class.call1((message,)));
    error.map_or_else(|failed| failed, PyErr::from_value)
}

/// The exception of the parent process's jobs in a forked child.
pub fn started_before_fork() -> PyErr {
    PyRuntimeError::new_err("this Job was started before fork(): its work goes on in the parent process only")
}

struct State {
    stage: Stage,
    cancelled: bool,
}

enum Stage {
    /// The work is running, or its result has not been asked for.
    Unread,
    Converting(Box<dyn IntoPython>),
    Busy,
    Converted(JobOutcome),
}

impl From<WorkResult> for State {
    fn from(result: WorkResult) -> Self {
        let (source, cancelled) = match result {
            WorkResult::Done(source) => (source, false),
            WorkResult::Panicked => (once(|py| Err(panicked(py))), false),
            WorkResult::Cancelled(Some(results)) => (results, true),
            WorkResult::Cancelled(None) | WorkResult::Lost => {
                return Self { stage: Stage::Converted(JobOutcome::Cancelled(None)), cancelled: true };
            }
        };
        Self { stage: Stage::Converting(source), cancelled }
    }
}

/// The result of a job, present or to come.
pub struct JobResult {
    pub(super) completion: Arc<Completion<WorkResult>>,
    generation: u32,
    state: Mutex<State>,
}

impl JobResult {
    pub fn new(completion: Arc<Completion<WorkResult>>) -> Self {
        let state = Mutex::new(State { stage: Stage::Unread, cancelled: false });
        Self { completion, generation: fork::generation(), state }
    }

    /// Whether the work belongs to the parent of this process. Its threads may have held locks at the fork, so this
    /// process must not take them.
    pub fn is_parents(&self) -> bool {
        self.generation != fork::generation()
    }

    pub fn is_done(&self) -> bool {
        self.completion.is_done()
    }

    /// Registers a waiter for the end; false if the work has ended, or belongs to the parent process.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        !self.is_parents() && self.completion.watch(waiter, token)
    }

    pub fn is_cancelled(&self) -> bool {
        self.is_done() && self.read().cancelled
    }

    pub fn is_busy(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Busy)
    }

    /// The state of a job that is done, with the result taken out of the completion.
    fn read(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        if matches!(state.stage, Stage::Unread) {
            let result = if self.is_parents() {
                // A result that a thread was moving at the fork is lost in the child.
                let moving = || WorkResult::Done(once(|_| Err(started_before_fork())));
                self.completion.take_in_child().unwrap_or_else(moving)
            } else {
                self.completion.take().unwrap_or(WorkResult::Lost)
            };
            *state = result.into();
        }
        state
    }

    /// Converts until `deadline`.
    pub fn advance(&self, py: Python<'_>, deadline: Option<Instant>) -> Advance {
        if !self.is_done() {
            return Advance::Pending;
        }
        let mut state = self.read();
        let mut source = match mem::replace(&mut state.stage, Stage::Busy) {
            Stage::Converting(source) => source,
            Stage::Converted(outcome) => {
                let copy = outcome.clone_ref(py);
                state.stage = Stage::Converted(outcome);
                return Advance::Done(copy);
            }
            Stage::Unread | Stage::Busy => return Advance::More,
        };
        let cancelled = state.cancelled;
        // The conversion may run the garbage collector, and that any code.
        drop(state);
        let outcome = match source.step(py, deadline) {
            Ok(None) => {
                self.state.lock().stage = Stage::Converting(source);
                return Advance::More;
            }
            Ok(Some(results)) if cancelled => JobOutcome::Cancelled(Some(results)),
            Err(_) if cancelled => JobOutcome::Cancelled(None),
            Ok(Some(value)) => JobOutcome::Value(value),
            Err(error) => JobOutcome::Raised(error.into_value(py)),
        };
        self.replace(Stage::Converted(outcome.clone_ref(py)));
        Advance::Done(outcome)
    }

    /// The previous stage is dropped without the lock: it may hold Python objects.
    fn replace(&self, stage: Stage) {
        let previous = mem::replace(&mut self.state.lock().stage, stage);
        drop(previous);
    }

    /// The exception of a job that is done and about to be dropped.
    pub fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let mut state = self.read();
        let cancelled = state.cancelled;
        let stage = mem::replace(&mut state.stage, Stage::Converted(JobOutcome::Cancelled(None)));
        drop(state);
        match stage {
            Stage::Converting(mut source) if !cancelled => source.failure(py),
            Stage::Converted(JobOutcome::Raised(error)) => Some(PyErr::from_value(error.into_bound(py).into_any())),
            _ => None,
        }
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(state) = self.state.try_lock() {
            match &state.stage {
                Stage::Converted(JobOutcome::Value(value) | JobOutcome::Cancelled(Some(value))) => visit.call(value)?,
                Stage::Converted(JobOutcome::Raised(error)) => visit.call(error)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub fn clear(&self) {
        self.replace(Stage::Converted(JobOutcome::Cancelled(None)));
    }
}

/// The `CancelledError` of asyncio or of concurrent.futures; during an exit, the exception for that.
pub fn cancelled_error(py: Python<'_>, module: &str, results: Option<Py<PyAny>>) -> PyResult<PyErr> {
    static ASYNCIO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static FUTURES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if is_lost() {
        return Ok(exiting());
    }
    let class = match module {
        "asyncio" => ASYNCIO.import(py, "asyncio", "CancelledError"),
        _ => FUTURES.import(py, "concurrent.futures", "CancelledError"),
    }?;
    let error = class.call0()?;
    if let Some(results) = results {
        error.setattr(intern!(py, "results"), results)?;
    }
    Ok(PyErr::from_value(error))
}
