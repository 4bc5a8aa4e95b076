//! The hand-over of one value from the reactor to its waiters: threads and event loops.
//!
//! The value is owned Rust data and is moved once. Waiters are woken by number through [`Waiter`], so that the reactor
//! holds no object of theirs, such as a Python future.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, PoisonError};
use std::time::Duration;

use shoal_runtime::Mutex;

/// A target of wake-ups. Called from any thread; must not block.
pub trait Waiter: Send + Sync {
    /// What was waited for under `token`, a number of the waiter's choosing, has happened.
    fn wake(self: Arc<Self>, token: u64);
}

pub(crate) type Waiters = Vec<(Arc<dyn Waiter>, u64)>;

pub(crate) fn wake_all(waiters: Waiters) {
    for (waiter, token) in waiters {
        waiter.wake(token);
    }
}

struct State<T> {
    value: Option<T>,
    waiters: Waiters,
    /// Threads in [`Completion::wait`]. Notifying none would still cost a system call.
    blocked: usize,
}

/// A value that is pending until [`Completion::settle`]; the first settlement counts.
pub struct Completion<T> {
    done: AtomicBool,
    state: Mutex<State<T>>,
    settled: Condvar,
}

impl<T> Default for Completion<T> {
    fn default() -> Self {
        Self {
            done: AtomicBool::new(false),
            state: Mutex::new(State { value: None, waiters: Vec::new(), blocked: 0 }),
            settled: Condvar::new(),
        }
    }
}

impl<T> Completion<T> {
    /// Whether a value was set; it may have been taken since.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Sets the value and wakes all waiters; returns the value if there already was one.
    pub fn settle(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.settle_with(|| value.take());
        value.map_or(Ok(()), Err)
    }

    /// Sets the value that `make` returns, unless it is `None` or there already was one. The completion is locked while
    /// `make` runs. Returns whether it set the value.
    pub fn settle_with(&self, make: impl FnOnce() -> Option<T>) -> bool {
        self.set(make).map(wake_all).is_some()
    }

    /// Sets the value; returns the waiters to wake, or `None` if the value was not set.
    fn set(&self, make: impl FnOnce() -> Option<T>) -> Option<Waiters> {
        let mut state = self.state.lock();
        if self.done.load(Ordering::Relaxed) {
            return None;
        }
        state.value = Some(make()?);
        self.done.store(true, Ordering::Release);
        let waiters = std::mem::take(&mut state.waiters);
        let is_blocking = state.blocked > 0;
        drop(state);
        if is_blocking {
            self.settled.notify_all();
        }
        Some(waiters)
    }

    /// Takes the value; only the first caller gets it.
    pub fn take(&self) -> Option<T> {
        self.state.lock().value.take()
    }

    /// The same in a forked child, which never waits: `None` if a thread of the parent held the lock at the fork.
    pub fn take_in_child(&self) -> Option<T> {
        self.state.try_lock()?.value.take()
    }

    /// Registers a waiter; `false`, and never a wake-up, if the value is already set.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        let mut state = self.state.lock();
        if self.done.load(Ordering::Relaxed) {
            return false;
        }
        state.waiters.push((waiter, token));
        true
    }

    /// Blocks the thread until the value is set or `limit` has passed; returns whether it is set.
    pub fn wait(&self, limit: Duration) -> bool {
        if self.is_done() {
            return true;
        }
        let mut state = self.state.lock();
        state.blocked += 1;
        let waited = self.settled.wait_timeout_while(state, limit, |_| !self.done.load(Ordering::Relaxed));
        waited.unwrap_or_else(PoisonError::into_inner).0.blocked -= 1;
        self.is_done()
    }
}

/// The reactor's end of a [`Completion`]. If it is dropped without a value, because the reactor was shut down or its task
/// panicked, it settles with `lost(panicked)`. At a shutdown the process is about to end: blocked threads are woken,
/// other waiters are not.
pub struct Promise<T> {
    completion: Arc<Completion<T>>,
    lost: Option<fn(bool) -> T>,
}

impl<T> Promise<T> {
    /// Promises to settle `completion`.
    pub fn new(completion: Arc<Completion<T>>, lost: fn(bool) -> T) -> Self {
        Self { completion, lost: Some(lost) }
    }

    /// Settles the completion; the value is dropped if there already was one.
    pub fn settle(mut self, value: T) {
        self.lost = None;
        drop(self.completion.settle(value));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(lost) = self.lost {
            let is_panicking = std::thread::panicking();
            let waiters = self.completion.set(|| Some(lost(is_panicking))).unwrap_or_default();
            if is_panicking {
                wake_all(waiters);
            }
        }
    }
}
