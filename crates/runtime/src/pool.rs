//! The cores: one private rayon pool, started at first use.
//!
//! Private, because a pool that a host program shares would hang in a forked child and could not be sized here. Tasks
//! are short slices of work (`cpu/batch.rs`), so that whoever comes later gets in. A task must not hold a Python object
//! and never takes the GIL.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::finalize;
use super::fork::PerProcess;
use super::reactor::RuntimeError;

/// Sets the number of threads.
pub const VARIABLE: &str = "SHOAL_THREADS";

/// Trees of documents are walked recursively by some libraries. Only what is used of it is ever touched.
const STACK: usize = 16 << 20;

/// More threads than any machine has cores; a typing error should not start a million.
const MAX_THREADS: usize = 4096;

type Task = Box<dyn FnOnce() + Send>;

struct Pool {
    threads: ThreadPool,
    /// In the order of the calls. rayon's own queues are not: a thread takes what it spawned itself before anything that
    /// came from outside, so a batch that goes on in slices would keep all others out.
    tasks: Mutex<VecDeque<Task>>,
}

impl Pool {
    fn tasks(&self) -> MutexGuard<'_, VecDeque<Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static CURRENT: PerProcess<Pool> = PerProcess::new();
/// Tasks at work.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// Forks under way, which wait until no task is at work.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// The most a fork waits for the tasks at work. They look between two documents whether one waits; a document that takes
/// longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many threads the pool has, or would have: `SHOAL_THREADS`, else the cores this process may use (affinity and
/// cgroup quota are looked at).
pub fn thread_count() -> Result<usize, RuntimeError> {
    match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => match text.trim().parse() {
            Ok(number @ 1..=MAX_THREADS) => Ok(number),
            _ => Err(RuntimeError::ThreadCount(text)),
        },
        _ => Ok(thread::available_parallelism().map_or(1, NonZero::get)),
    }
}

/// Runs `task` on a thread of the pool, in the order of the calls. At exit it is dropped instead.
pub fn spawn(task: impl FnOnce() + Send + 'static) -> Result<(), RuntimeError> {
    let pool = current()?;
    pool.tasks().push_back(Box::new(task));
    pool.threads.spawn(|| {
        // Counted first: `wait_idle` either sees it, or this sees the end.
        let _counted = Counted::new();
        let task = pool.tasks().pop_front();
        if let Some(task) = task
            && !finalize::is_exiting()
        {
            task();
        }
    });
    Ok(())
}

/// Waits, for at most `wait`, until no task is at work.
pub(super) fn wait_idle(wait: Duration) {
    let until = Instant::now() + wait;
    while ACTIVE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        thread::sleep(Duration::from_micros(200));
    }
}

/// Before a fork: waits, for at most [`PATIENCE`], until no task is at work, and lets none begin.
pub(super) fn pause() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    wait_idle(PATIENCE);
}

/// After a fork, in the parent.
pub(super) fn resume() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

/// In a forked child: the threads are gone. Touches atomics only.
pub(super) fn forked() {
    ACTIVE.store(0, Ordering::SeqCst);
    FORKS.store(0, Ordering::SeqCst);
}

/// Whether a task should end soon: a fork waits for it.
pub fn is_fork_pending() -> bool {
    FORKS.load(Ordering::Relaxed) > 0
}

struct Counted;

impl Counted {
    fn new() -> Self {
        loop {
            ACTIVE.fetch_add(1, Ordering::SeqCst);
            // Sequentially consistent, as in `pause`: either this sees the fork, or the fork sees the count.
            if FORKS.load(Ordering::SeqCst) == 0 {
                return Self;
            }
            ACTIVE.fetch_sub(1, Ordering::SeqCst);
            thread::sleep(Duration::from_micros(50));
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ACTIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn current() -> Result<&'static Pool, RuntimeError> {
    if finalize::is_exiting() {
        return Err(RuntimeError::Exiting);
    }
    CURRENT.get_or_try_init(|| {
        // Dropping it, where another first user was quicker, ends its idle threads.
        let threads = ThreadPoolBuilder::new()
            .num_threads(thread_count()?)
            .thread_name(|index| format!("shoal-cpu-{index}"))
            .stack_size(STACK)
            // A batch contains the panics of its kernels; without a handler any other would abort the process.
            .panic_handler(|_| {})
            .build()
            .map_err(|error| RuntimeError::Thread(std::io::Error::other(error)))?;
        Ok(Pool { threads, tasks: Mutex::default() })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn tasks_run_on_named_threads_and_a_panic_ends_none() {
        spawn(|| std::panic::resume_unwind(Box::new("on purpose"))).unwrap();
        let (sender, names) = channel();
        for _ in 0..50 {
            let sender = sender.clone();
            spawn(move || sender.send(thread::current().name().unwrap().to_owned()).unwrap()).unwrap();
        }
        drop(sender);
        let names: Vec<_> = names.iter().collect();
        assert_eq!(names.len(), 50);
        assert!(names.iter().all(|name| name.starts_with("shoal-cpu-")));
    }
}
