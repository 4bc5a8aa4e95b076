//! Forks: statics and values that a forked child does not share with its parent.
//!
//! Threads do not survive `fork`. In the child, everything that belongs to one (reactors, connections, pending jobs) is
//! dead, and a lock that another thread held at that moment stays locked for ever. So each such thing remembers the
//! fork generation in which it was made. [`PerProcess`] is for statics: a child makes its own. [`ForkGuard`] is for
//! values: a child leaks them.
//!
//! Fork handlers may neither allocate nor lock, so what they read and reset is counted in atomics.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Once;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{ptr, thread};

static GENERATION: AtomicU32 = AtomicU32::new(1);
static REGISTERED: Once = Once::new();

extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    reset_in_child();
}

/// The fork generation of this process: 1, and one more for each fork between the first use and this process. It costs
/// one load; `getpid` is a system call of 50 ns, which would be made per request.
pub fn generation() -> u32 {
    REGISTERED.call_once(|| {
        // SAFETY: the three handlers are functions without captures that live as long as the process. They only touch
        // atomics and sleep, which is allowed between fork and exec. Unlike `os.register_at_fork` they also see forks of
        // C code.
        unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child));
        }
    });
    GENERATION.load(Ordering::Relaxed)
}

/// A static that each process initialises at first use, without a lock, because a lock that another thread holds during
/// a fork stays locked in the child. A child leaks its parent's value.
pub struct PerProcess<T: 'static>(AtomicPtr<Made<T>>);

struct Made<T> {
    generation: u32,
    value: T,
}

impl<T> PerProcess<T> {
    /// Not initialised.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + Sync> PerProcess<T> {
    /// The value, if this process has initialised it.
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: the pointer is null or was published by `get_or_try_init`, the only function that stores here. A
        // published box is never freed or written to.
        let made = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        (made.generation == generation()).then_some(&made.value)
    }

    /// The value, initialised by `make` if there is none. Of two threads that initialise it at once, the slower one
    /// drops its own value and gets the other's.
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&'static T, E> {
        // Loaded before the check: if the exchange below fails, another thread of this process has published a value.
        let before = self.0.load(Ordering::Acquire);
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let fresh = Box::into_raw(Box::new(Made { generation: generation(), value: make()? }));
        let published = match self.0.compare_exchange(before, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            Err(other) => {
                // SAFETY: `fresh` comes from `Box::into_raw`, and as the exchange failed no other thread has seen it.
                drop(unsafe { Box::from_raw(fresh) });
                other
            }
        };
        // SAFETY: `published` is not null: it is `fresh`, or differs from `before` because another thread published it.
        // A published box is never freed or written to.
        Ok(unsafe { &(*published).value })
    }

    /// [`Self::get_or_try_init`] for a `make` that cannot fail.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
        match self.get_or_try_init(|| Ok::<_, std::convert::Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

/// A value that a forked child leaks instead of dropping it: there, a dropped connection would say goodbye on a socket
/// that is still the parent's, and a dropped runtime would wait for a lock that a thread of the parent held.
pub struct ForkGuard<T> {
    generation: u32,
    value: ManuallyDrop<T>,
}

impl<T> ForkGuard<T> {
    /// A value of this process.
    pub fn new(value: T) -> Self {
        Self { generation: generation(), value: ManuallyDrop::new(value) }
    }

    /// Whether this process is a forked child of the one that made the value.
    pub fn is_inherited(&self) -> bool {
        self.generation != generation()
    }
}

impl<T> Deref for ForkGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for ForkGuard<T> {
    fn drop(&mut self) {
        if !self.is_inherited() {
            // SAFETY: `drop` runs once, nothing else drops the value, and `self` is gone afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// Running pool tasks.
static TASKS: AtomicUsize = AtomicUsize::new(0);
/// Forks in progress; no pool task starts meanwhile.
static FORKS: AtomicUsize = AtomicUsize::new(0);
/// [`FinalizeGuard`](crate::FinalizeGuard)s alive in this process.
pub(crate) static FINALIZE_GUARDS: AtomicUsize = AtomicUsize::new(0);

/// How long a fork waits for running tasks. Batches check between two documents; a longer document is not waited for.
const FORK_WAIT: Duration = Duration::from_millis(100);

/// A running pool task.
pub(crate) struct TaskGuard;

impl TaskGuard {
    /// Counts a task, once no fork is in progress.
    pub(crate) fn new() -> Self {
        loop {
            TASKS.fetch_add(1, SeqCst);
            // Sequentially consistent, as in `before_fork`: this thread sees the fork, or the fork sees the count.
            if FORKS.load(SeqCst) == 0 {
                return Self;
            }
            TASKS.fetch_sub(1, SeqCst);
            thread::sleep(Duration::from_micros(50));
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        TASKS.fetch_sub(1, SeqCst);
    }
}

/// Waits until no pool task runs, for `timeout` at most.
pub(crate) fn wait_for_tasks(timeout: Duration) {
    wait_until_at_most(&TASKS, 0, timeout);
}

/// Waits until only the caller's guard is left, for `timeout` at most.
pub(crate) fn wait_for_other_guards(timeout: Duration) {
    wait_until_at_most(&FINALIZE_GUARDS, 1, timeout);
}

fn wait_until_at_most(count: &AtomicUsize, limit: usize, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    while count.load(SeqCst) > limit && Instant::now() < deadline {
        thread::sleep(Duration::from_micros(200));
    }
}

/// Whether a fork is waiting for running tasks.
pub(crate) fn is_fork_pending() -> bool {
    FORKS.load(SeqCst) > 0
}

/// Fork handler: keeps new tasks from starting and waits for running ones, so that none of the process-wide locks of the
/// kernels' libraries (interned HTML names, lazily compiled tables) is held during the fork.
extern "C" fn before_fork() {
    FORKS.fetch_add(1, SeqCst);
    wait_for_tasks(FORK_WAIT);
}

/// Fork handler, in the parent.
extern "C" fn after_fork_in_parent() {
    FORKS.fetch_sub(1, SeqCst);
}

/// Fork handler, in the child: the threads that were counted do not exist there.
fn reset_in_child() {
    TASKS.store(0, SeqCst);
    FORKS.store(0, SeqCst);
    FINALIZE_GUARDS.store(0, SeqCst);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
