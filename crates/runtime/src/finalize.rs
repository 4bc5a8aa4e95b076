//! Interpreter finalisation: which threads may still wait for the GIL.
//!
//! A thread that waits for the GIL while the interpreter is finalised never gets it: before CPython 3.14 its stack is
//! unwound, which aborts the process when Rust frames are on that stack. So every thread that attaches, or calls Python
//! code (which may release the GIL and take it back), holds a [`FinalizeGuard`]. At exit no new guards are given out,
//! [`shutdown`](crate::shutdown) waits for those that exist, and a thread that is too late parks for good.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::fork::{self, FINALIZE_GUARDS};

const OPEN: u8 = 0;
const EXITING: u8 = 1;
const CLOSED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(OPEN);
static EXIT_THREAD: OnceLock<ThreadId> = OnceLock::new();

/// Delays interpreter finalisation while a thread runs without the GIL and will take it (back), or runs Python code that
/// may release it.
pub struct FinalizeGuard {
    generation: u32,
}

impl FinalizeGuard {
    /// A guard, or `None` once the process is exiting: the thread must then neither detach nor attach.
    pub fn acquire() -> Option<Self> {
        // The call also registers the fork handlers, which reset the count in a child.
        let guard = Self { generation: fork::generation() };
        // Sequentially consistent, as in `close`: this thread sees EXITING, or `close` sees the count.
        FINALIZE_GUARDS.fetch_add(1, Ordering::SeqCst);
        (STATE.load(Ordering::SeqCst) == OPEN).then_some(guard)
    }

    /// To be called right before the GIL is taken: parks a thread that is too late.
    pub fn before_attach(&self) {
        if STATE.load(Ordering::SeqCst) == CLOSED && !is_exit_thread() {
            park_forever();
        }
    }
}

impl Drop for FinalizeGuard {
    fn drop(&mut self) {
        // The count of a forked child does not include its parent's guards.
        if self.generation == fork::generation() {
            FINALIZE_GUARDS.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Parks this thread until the process has ended.
pub fn park_forever() -> ! {
    loop {
        thread::park();
    }
}

/// Whether the process is exiting.
pub fn is_exiting() -> bool {
    STATE.load(Ordering::Relaxed) != OPEN
}

/// Whether this thread runs the `atexit` handlers. All other threads that are still alive then are daemons.
pub fn is_exit_thread() -> bool {
    EXIT_THREAD.get().is_some_and(|thread| *thread == thread::current().id())
}

/// Gives out no more guards, and makes this the exit thread; `false` if that was done already.
pub(crate) fn begin() -> bool {
    let _ = EXIT_THREAD.set(thread::current().id());
    STATE.compare_exchange(OPEN, EXITING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// Waits, `timeout` at most, for the guards of other threads; then parks those that come back later.
pub(crate) fn close(timeout: Duration) {
    fork::wait_for_other_guards(timeout);
    STATE.store(CLOSED, Ordering::SeqCst);
}
