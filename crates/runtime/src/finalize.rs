//! The end of the process, and who may still wait for the GIL then.
//!
//! A thread that asks for the GIL while the interpreter is finalized never gets it: before CPython 3.14 its stack is
//! unwound, which aborts the process when Rust is on that stack. So everything that attaches, and everything that calls
//! Python code (which may let go of the GIL and want it back), passes here. At exit no
//! new attachment begins, those under way are waited for, and a thread that comes too late stays out for good.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::fork;

const OPEN: u8 = 0;
const CLOSING: u8 = 1;
const CLOSED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(OPEN);
static INSIDE: AtomicUsize = AtomicUsize::new(0);
static CLOSER: OnceLock<ThreadId> = OnceLock::new();

/// Leave to be without the GIL, or to call what may be, and to take it (back) later.
pub struct FinalizeGuard {
    generation: u32,
}

impl FinalizeGuard {
    /// `None` when the process is about to end: then stay as you are.
    pub fn acquire() -> Option<Self> {
        // Also registers the hook that corrects the count in a child.
        let guard = Self { generation: fork::generation() };
        // Sequentially consistent, as in `close`: either this sees CLOSING, or `close` sees the count.
        INSIDE.fetch_add(1, Ordering::SeqCst);
        (STATE.load(Ordering::SeqCst) == OPEN).then_some(guard)
    }

    /// Right before the GIL is taken: a thread that comes too late stays here until the process has ended.
    pub fn before_attach(&self) {
        if STATE.load(Ordering::SeqCst) == CLOSED && !is_exit_thread() {
            park_forever();
        }
    }
}

/// Keeps this thread until the process has ended.
pub fn park_forever() -> ! {
    loop {
        thread::park();
    }
}

impl Drop for FinalizeGuard {
    fn drop(&mut self) {
        // One from before a fork is not counted in the child.
        if self.generation == fork::generation() {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Whether the process is about to end.
pub fn is_exiting() -> bool {
    STATE.load(Ordering::Relaxed) != OPEN
}

/// Whether this thread is the one that ends the process. All others still alive then are daemons.
pub fn is_exit_thread() -> bool {
    CLOSER.get().is_some_and(|closer| *closer == thread::current().id())
}

/// No new pass from here on; `false` if that was so already.
pub(super) fn begin() -> bool {
    let _ = CLOSER.set(thread::current().id());
    STATE.compare_exchange(OPEN, CLOSING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// Waits, for at most `wait`, until nobody but the caller has a pass.
pub(super) fn close(wait: Duration) {
    let until = Instant::now() + wait;
    while INSIDE.load(Ordering::SeqCst) > 1 && Instant::now() < until {
        thread::sleep(Duration::from_micros(200));
    }
    STATE.store(CLOSED, Ordering::SeqCst);
}

/// In a forked child: the threads that were inside are gone. Touches atomics only.
pub(super) fn forked() {
    INSIDE.store(0, Ordering::SeqCst);
}
