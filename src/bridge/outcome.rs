//! The end of a job: owned data from the reactor, Python objects from the first look on.
//!
//! State is behind a lock that is never held while Python code may run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::lifecycle::{exiting, is_lost};
use crate::http::error::to_python;
use shoal_http::completion::{Completion, Promise};
use shoal_http::error::{AttemptError, ErrorKind, FetchError, Phase};
use shoal_runtime::fork;

/// Owned data on its way to becoming a Python object.
pub trait Harvest: Send {
    /// Goes on until `deadline`; `None` means that there is more to do, an error is what the job raises.
    fn step(&mut self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>>;

    /// The exception that the job raises, if it is known to raise one, without the results that go with it.
    fn failure(&self, py: Python<'_>) -> Option<PyErr>;
}

/// How a job ended.
pub enum Ended {
    /// By itself, well or not.
    Done(Box<dyn Harvest>),
    /// By [`Job.cancel`] and the like; with what was finished until then.
    Cancelled(Option<Box<dyn Harvest>>),
    /// The reactor was shut down under it.
    Lost,
    /// A bug: the engine panicked.
    Panicked,
}

/// Starts work; what it promises is settled by the reactor.
pub fn promise() -> (Arc<Completion<Ended>>, Promise<Ended>) {
    let completion = Arc::new(Completion::default());
    (completion.clone(), Promise::new(completion, |panicking| if panicking { Ended::Panicked } else { Ended::Lost }))
}

impl Ended {
    fn outcome(self) -> Outcome {
        match self {
            Self::Done(harvest) => Outcome::Converting(harvest, Finish::Value),
            Self::Cancelled(Some(harvest)) => Outcome::Converting(harvest, Finish::Cancelled),
            Self::Cancelled(None) | Self::Lost => Outcome::Cancelled(None),
            Self::Panicked => Outcome::Converting(Box::new(Panic), Finish::Value),
        }
    }
}

/// The exception for a bug.
struct Panic;

impl Panic {
    fn error(py: Python<'_>) -> PyErr {
        let message = "the engine panicked: a bug in shoal; what it said is on stderr";
        let failure = AttemptError::new(ErrorKind::Internal, Phase::Queue, message);
        to_python(py, &FetchError::new(failure, None, 0, 0, Duration::ZERO))
    }
}

impl Harvest for Panic {
    fn step(&mut self, py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Err(Self::error(py))
    }

    fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        Some(Self::error(py))
    }
}

/// What a job of the parent's raises in a forked child.
pub fn started_before_fork() -> PyErr {
    PyRuntimeError::new_err("this Job was started before fork(): its work goes on in the parent process only")
}

/// A result that was on its way at the moment of the fork.
struct LeftBehind;

impl Harvest for LeftBehind {
    fn step(&mut self, _py: Python<'_>, _deadline: Option<Instant>) -> PyResult<Option<Py<PyAny>>> {
        Err(started_before_fork())
    }

    fn failure(&self, _py: Python<'_>) -> Option<PyErr> {
        Some(started_before_fork())
    }
}

enum Outcome {
    /// Not looked at yet.
    Unknown,
    Converting(Box<dyn Harvest>, Finish),
    /// Someone is converting right now.
    Busy(Finish),
    Value(Py<PyAny>),
    Raised(Py<PyBaseException>),
    /// With the finished results, if the job was a batch.
    Cancelled(Option<Py<PyAny>>),
}

#[derive(Clone, Copy)]
enum Finish {
    Value,
    Cancelled,
}

/// What a step towards the result has led to.
pub enum Step {
    /// The work goes on.
    Pending,
    /// There is more to convert.
    More,
    /// The result.
    Value(Py<PyAny>),
    /// What the work raised.
    Raised(Py<PyBaseException>),
    /// With the finished results, if the job was a batch.
    Cancelled(Option<Py<PyAny>>),
}

/// How a job ends, or has ended.
pub struct End {
    completion: Arc<Completion<Ended>>,
    generation: u32,
    outcome: Mutex<Outcome>,
}

impl End {
    /// Of work that runs.
    pub fn new(completion: Arc<Completion<Ended>>) -> Self {
        Self { completion, generation: fork::generation(), outcome: Mutex::new(Outcome::Unknown) }
    }

    /// Where the reactor puts it.
    pub fn completion(&self) -> &Completion<Ended> {
        &self.completion
    }

    /// Whether the work belongs to the parent of this process: what its threads lock must be left alone.
    pub fn is_parents(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Whether it has come.
    pub fn is_done(&self) -> bool {
        self.completion.is_done()
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether someone converts right now.
    pub fn is_busy(&self) -> bool {
        matches!(*self.lock(), Outcome::Busy(_))
    }

    /// Whether it is a cancellation.
    pub fn is_cancelled(&self) -> bool {
        let is = |outcome: &Outcome| match outcome {
            Outcome::Cancelled(_) => true,
            Outcome::Converting(_, finish) | Outcome::Busy(finish) => matches!(finish, Finish::Cancelled),
            Outcome::Unknown | Outcome::Value(_) | Outcome::Raised(_) => false,
        };
        self.is_done() && is(&self.looked_at())
    }

    /// Of a job that is done, how it ended.
    fn looked_at(&self) -> MutexGuard<'_, Outcome> {
        let mut outcome = self.lock();
        if matches!(*outcome, Outcome::Unknown) {
            let ended = if self.is_parents() {
                self.completion.take_in_child().unwrap_or_else(|| Ended::Done(Box::new(LeftBehind)))
            } else {
                self.completion.take().unwrap_or(Ended::Lost)
            };
            *outcome = ended.outcome();
        }
        outcome
    }

    /// Brings the result nearer to being a Python object.
    pub fn advance(&self, py: Python<'_>, deadline: Option<Instant>) -> Step {
        if !self.is_done() {
            return Step::Pending;
        }
        let (mut harvest, finish) = {
            let mut outcome = self.looked_at();
            match &*outcome {
                Outcome::Unknown | Outcome::Busy(_) => return Step::More,
                Outcome::Value(value) => return Step::Value(value.clone_ref(py)),
                Outcome::Raised(error) => return Step::Raised(error.clone_ref(py)),
                Outcome::Cancelled(results) => {
                    return Step::Cancelled(results.as_ref().map(|results| results.clone_ref(py)));
                }
                Outcome::Converting(_, finish) => {
                    let busy = Outcome::Busy(*finish);
                    match std::mem::replace(&mut *outcome, busy) {
                        Outcome::Converting(harvest, finish) => (harvest, finish),
                        _ => return Step::More,
                    }
                }
            }
        };
        // Without the lock: allocating objects may run the garbage collector, and that anything.
        let (next, step) = match (harvest.step(py, deadline), finish) {
            (Ok(None), _) => (Outcome::Converting(harvest, finish), Step::More),
            (Ok(Some(value)), Finish::Value) => (Outcome::Value(value.clone_ref(py)), Step::Value(value)),
            (Ok(Some(results)), Finish::Cancelled) => {
                (Outcome::Cancelled(Some(results.clone_ref(py))), Step::Cancelled(Some(results)))
            }
            (Err(error), Finish::Value) => {
                let raised = error.into_value(py);
                (Outcome::Raised(raised.clone_ref(py)), Step::Raised(raised))
            }
            (Err(_), Finish::Cancelled) => (Outcome::Cancelled(None), Step::Cancelled(None)),
        };
        let before = std::mem::replace(&mut *self.lock(), next);
        drop(before);
        step
    }

    /// What the job raised, of one that is about to be dropped.
    pub fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let outcome = std::mem::replace(&mut *self.looked_at(), Outcome::Cancelled(None));
        match outcome {
            Outcome::Converting(harvest, Finish::Value) => harvest.failure(py),
            Outcome::Raised(error) => Some(PyErr::from_value(error.into_bound(py).into_any())),
            _ => None,
        }
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(outcome) = self.outcome.try_lock() {
            match &*outcome {
                Outcome::Value(value) | Outcome::Cancelled(Some(value)) => visit.call(value)?,
                Outcome::Raised(error) => visit.call(error)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// For the garbage collector.
    pub fn clear(&self) {
        let outcome = std::mem::replace(&mut *self.lock(), Outcome::Cancelled(None));
        drop(outcome);
    }
}

/// The `CancelledError` of asyncio or of concurrent.futures; while the interpreter exits, what says so.
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
