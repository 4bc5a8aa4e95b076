//! Counts of running work that the fork handlers read and reset.
//!
//! They are atomics in a module without dependencies because a fork handler may not allocate or lock.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

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
pub(crate) extern "C" fn before_fork() {
    FORKS.fetch_add(1, SeqCst);
    wait_for_tasks(FORK_WAIT);
}

/// Fork handler, in the parent.
pub(crate) extern "C" fn after_fork_in_parent() {
    FORKS.fetch_sub(1, SeqCst);
}

/// Fork handler, in the child: the threads that were counted do not exist there.
pub(crate) fn reset_in_child() {
    TASKS.store(0, SeqCst);
    FORKS.store(0, SeqCst);
    FINALIZE_GUARDS.store(0, SeqCst);
}
