//! The CPU pool: a private rayon pool, started at first use.
//!
//! It is private because a pool shared with the host program would hang in a forked child and could not be sized here.
//! Tasks are slices of a few milliseconds, so that a new batch does not wait for a running one. A task holds no Python
//! object and never takes the GIL.

use std::collections::VecDeque;
use std::num::NonZero;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{MAX_THREADS, RuntimeError, THREADS_VARIABLE};
use crate::finalize::is_exiting;
use crate::fork::{self, PerProcess, TaskGuard};
use crate::mutex::Mutex;

/// Some libraries walk document trees recursively. Only the pages that are used become resident.
const STACK_SIZE: usize = 16 << 20;

type Task = Box<dyn FnOnce() + Send>;

struct Pool {
    threads: ThreadPool,
    /// First in, first out. rayon's own queues are not: a thread prefers tasks that it spawned itself, so a batch that
    /// continues in slices would starve all others.
    tasks: Mutex<VecDeque<Task>>,
}

static CURRENT: PerProcess<Pool> = PerProcess::new();

/// The pool's number of threads: `SHOAL_THREADS`, or else the usable cores (by CPU affinity and cgroup quota).
pub fn thread_count() -> Result<usize, RuntimeError> {
    match std::env::var(THREADS_VARIABLE) {
        Ok(text) if !text.trim().is_empty() => match text.trim().parse() {
            Ok(number @ 1..=MAX_THREADS) => Ok(number),
            _ => Err(RuntimeError::ThreadCount(text)),
        },
        _ => Ok(thread::available_parallelism().map_or(1, NonZero::get)),
    }
}

/// Queues `task` for a thread of the pool. Tasks start in the order of the calls; at exit they are dropped.
pub fn spawn(task: impl FnOnce() + Send + 'static) -> Result<(), RuntimeError> {
    let pool = current()?;
    pool.tasks.lock().push_back(Box::new(task));
    pool.threads.spawn(|| {
        let _guard = TaskGuard::new();
        let task = pool.tasks.lock().pop_front();
        if let Some(task) = task
            && !is_exiting()
        {
            task();
        }
    });
    Ok(())
}

/// Whether a fork is waiting for running tasks: a task should end its slice early.
pub fn is_fork_pending() -> bool {
    fork::is_fork_pending()
}

fn current() -> Result<&'static Pool, RuntimeError> {
    if is_exiting() {
        return Err(RuntimeError::Exiting);
    }
    CURRENT.get_or_try_init(|| {
        let threads = ThreadPoolBuilder::new()
            .num_threads(thread_count()?)
            .thread_name(|index| format!("shoal-cpu-{index}"))
            .stack_size(STACK_SIZE)
            // Batches catch the panics of their kernels. Without a handler any other panic would abort the process.
            .panic_handler(|_| {})
            .build()
            .map_err(|error| RuntimeError::Thread(std::io::Error::other(error)))?;
        Ok(Pool { threads, tasks: Mutex::default() })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
