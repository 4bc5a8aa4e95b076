//! What a parse blocks while it lasts: the garbage collector, and the GIL, which it releases now and then.

use std::thread;
use std::time::Instant;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::bridge::detach::{HOLD, RELEASE, detached};
use crate::bridge::event_loop::{in_main_thread, running_loop};
use crate::bridge::lifecycle::calling_out;

/// A shorter text, which takes some 2 ms at most, is parsed without releasing the GIL.
const LARGE: usize = 1 << 20;

/// Bytes parsed between two looks at the clock: some 10 to 50 µs.
const CHECK_INTERVAL: usize = 16 << 10;

/// Whether this build of Python has a GIL; without it, objects have a wider head, and other threads might pause and
/// resume the collector meanwhile.
const HAS_GIL: bool = size_of::<ffi::PyObject>() == 2 * size_of::<usize>();

/// Pauses the garbage collector while it lives, and releases the GIL when due.
pub(super) struct Hold<'py> {
    py: Python<'py>,
    collecting: bool,
    /// When the GIL was last taken back.
    since: Option<Instant>,
    /// The position in the text at which the clock is looked at next.
    next_check: usize,
}

impl<'py> Hold<'py> {
    /// For a text of `length` bytes. The main thread and threads with an event loop wait for the result anyway; another
    /// thread that parses a large text releases the GIL.
    pub fn new(py: Python<'py>, length: usize) -> Self {
        let releases = HAS_GIL && length >= LARGE && is_worker_thread(py).unwrap_or(false);
        Self { py, collecting: pause(py), since: None, next_check: if releases { CHECK_INTERVAL } else { usize::MAX } }
    }

    pub fn releases(&self) -> bool {
        self.next_check != usize::MAX
    }

    /// Releases the GIL when due. `position` is how far the parse is.
    #[inline(always)]
    pub fn progress(&mut self, position: usize) {
        if position >= self.next_check {
            self.check(position);
        }
    }

    #[cold]
    #[inline(never)]
    fn check(&mut self, position: usize) {
        self.next_check = position + CHECK_INTERVAL;
        if self.since.is_none_or(|since| since.elapsed() >= HOLD) {
            self.release(|| thread::sleep(RELEASE));
        }
    }

    /// Runs `work` without the GIL and with the collector as it was: it may traverse the dicts and the complete lists
    /// made so far. Paused throughout, it traversed all of them at once in the end: 510 ms for 36 MB, instead of 57 at
    /// most.
    pub fn release<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> T {
        resume(self.py, self.collecting);
        let done = detached(self.py, work);
        self.collecting = pause(self.py);
        self.since = Some(Instant::now());
        done
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        resume(self.py, self.collecting);
    }
}

/// Keeps the garbage collector from traversing the containers that are being filled, which took half of the time of a
/// large table; from 3.12 on it waits for Python code to run anyway. Returns whether it was on.
fn pause(_py: Python<'_>) -> bool {
    // SAFETY: attached, as the token shows. No Python code runs before `resume`, so none can observe or change the
    // setting.
    HAS_GIL && unsafe { ffi::PyGC_Disable() } != 0
}

fn resume(_py: Python<'_>, collecting: bool) {
    if collecting {
        // SAFETY: attached, as the token shows. `pause` found the collector on, so this only undoes that.
        unsafe { ffi::PyGC_Enable() };
    }
}

/// Whether this thread is neither the main one nor runs an event loop.
fn is_worker_thread(py: Python<'_>) -> PyResult<bool> {
    // Python functions, which interpreter finalisation has to wait for.
    calling_out(|| Ok(!in_main_thread(py)? && running_loop(py)?.is_none()))
}
