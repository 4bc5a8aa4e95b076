//! The cores: one private rayon pool, started at first use.
//!
//! Private, because a pool that a host program shares would hang in a forked child and could not be sized here. Tasks
//! are short slices of work (`cpu/batch.rs`), so that whoever comes later gets in. A task must not hold a Python object
//! and never takes the GIL.

use std::collections::VecDeque;
use std::num::NonZero;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::io::ShutDown;
use super::{closing, fork};

/// Sets the number of threads.
pub const VARIABLE: &str = "SHOAL_THREADS";

/// Trees of documents are walked recursively by some libraries. Only what is used of it is ever touched.
const STACK: usize = 16 << 20;

/// More threads than any machine has cores; a typing error should not start a million.
const MOST: usize = 4096;

type Task = Box<dyn FnOnce() + Send>;

struct Pool {
    generation: u32,
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

static CURRENT: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

/// How many threads the pool has, or would have: `SHOAL_THREADS`, else the cores this process may use (affinity and
/// cgroup quota are looked at).
pub fn size() -> Result<usize, ShutDown> {
    match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => match text.trim().parse() {
            Ok(number @ 1..=MOST) => Ok(number),
            _ => Err(ShutDown::Size(text)),
        },
        _ => Ok(thread::available_parallelism().map_or(1, NonZero::get)),
    }
}

/// Runs `task` on a thread of the pool, in the order of the calls. At exit it is dropped instead.
pub fn spawn(task: impl FnOnce() + Send + 'static) -> Result<(), ShutDown> {
    let pool = current()?;
    pool.tasks().push_back(Box::new(task));
    pool.threads.spawn(|| {
        let task = pool.tasks().pop_front();
        // Counted first: `quiet` either sees it, or this sees the end.
        let _counted = Counted::new();
        if let Some(task) = task
            && !closing::is_closing()
        {
            task();
        }
    });
    Ok(())
}

/// Waits, for at most `wait`, until no task is at work.
pub(super) fn quiet(wait: Duration) {
    let until = Instant::now() + wait;
    while ACTIVE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        thread::sleep(Duration::from_micros(200));
    }
}

/// In a forked child: the threads are gone. Touches atomics only.
pub(super) fn forked() {
    ACTIVE.store(0, Ordering::SeqCst);
}

struct Counted;

impl Counted {
    fn new() -> Self {
        ACTIVE.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ACTIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn current() -> Result<&'static Pool, ShutDown> {
    if closing::is_closing() {
        return Err(ShutDown::Exiting);
    }
    let generation = fork::generation();
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: a published pool is never freed.
    if let Some(pool) = unsafe { current.as_ref() }
        && pool.generation == generation
    {
        return Ok(pool);
    }
    // No lock, for the reason given in `io.rs`.
    let threads = ThreadPoolBuilder::new()
        .num_threads(size()?)
        .thread_name(|index| format!("shoal-cpu-{index}"))
        .stack_size(STACK)
        // A batch contains the panics of its kernels; without a handler any other would abort the process.
        .panic_handler(|_| {})
        .build()
        .map_err(|error| ShutDown::Thread(std::io::Error::other(error)))?;
    let fresh = Box::into_raw(Box::new(Pool { generation, threads, tasks: Mutex::default() }));
    match CURRENT.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: published just now, never freed.
        Ok(_) => Ok(unsafe { &*fresh }),
        Err(_) => {
            // SAFETY: `fresh` was not published, nobody else has it. Dropping it ends its idle threads.
            drop(unsafe { Box::from_raw(fresh) });
            self::current()
        }
    }
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
