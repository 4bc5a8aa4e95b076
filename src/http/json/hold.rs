//! What a parse keeps from all others while it lasts: the garbage collector, and the GIL, which it lends now and then.

use std::thread;
use std::time::{Duration, Instant};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::bridge::detach::detached;
use crate::bridge::lifecycle::calling_out;
use crate::bridge::port::{in_main_thread, running_loop};

/// A text shorter than this, which takes some 2 ms, is parsed in one go.
const LARGE: usize = 1 << 20;

/// So many bytes, of some 10 to 50 µs, are parsed between two looks at the clock.
const LOOK: usize = 16 << 10;

/// How long the GIL is held at a time.
const HELD: Duration = Duration::from_millis(2);

/// How long it is left to others. Who waits for it has to wake up first: where it was let go of and taken again at once, an
/// event loop had half as many turns (35 instead of 71 in 220 ms).
const LENT: Duration = Duration::from_micros(50);

/// Without the GIL, objects have a wider head, and other threads may pause the collector and let it go meanwhile.
const HAS_GIL: bool = size_of::<ffi::PyObject>() == 2 * size_of::<usize>();

/// Held while there is no Python code to run.
pub struct Hold<'py> {
    py: Python<'py>,
    /// The collector was on.
    collecting: bool,
    /// Since when the GIL is held, as far as that matters.
    since: Option<Instant>,
    /// Where in the text the clock is looked at next.
    look: usize,
}

impl<'py> Hold<'py> {
    /// For a text of so many bytes. An event loop, or the main thread, waits for the result anyway; another thread
    /// that parses a large text lends the GIL.
    pub fn new(py: Python<'py>, length: usize) -> Self {
        let lends = HAS_GIL && length >= LARGE && is_spare(py).unwrap_or(false);
        Self { py, collecting: pause(py), since: None, look: if lends { LOOK } else { usize::MAX } }
    }

    /// Whether the GIL may be let go of meanwhile.
    pub fn lends(&self) -> bool {
        self.look != usize::MAX
    }

    /// Lends the GIL when it is time: called again and again, with how far the parse is.
    #[inline(always)]
    pub fn progress(&mut self, at: usize) {
        if at >= self.look {
            self.look(at);
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, at: usize) {
        self.look = at + LOOK;
        if self.since.is_none_or(|since| since.elapsed() >= HELD) {
            self.lend(|| thread::sleep(LENT));
        }
    }

    /// Does something without the GIL, and with the collector as it was. It may look at what is made so far: dicts, and
    /// lists with all of their elements. Left paused, it looked at all of them at once in the end: 510 ms for 36 MB, instead of 57 at
    /// most.
    pub fn lend<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> T {
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

/// Keeps the garbage collector from looking, again and again, at containers that are being filled: half of the time that a
/// large table takes. From 3.12 on it waits for Python code to run by itself. Whether it was on.
fn pause(_py: Python<'_>) -> bool {
    // SAFETY: attached. Until `resume` no Python code runs, which could pause it, too.
    HAS_GIL && unsafe { ffi::PyGC_Disable() } != 0
}

fn resume(_py: Python<'_>, collecting: bool) {
    if collecting {
        // SAFETY: attached, as the caller's token shows. The collector was on before `pause`, so this only undoes that.
        unsafe { ffi::PyGC_Enable() };
    }
}

/// Whether nothing else runs in this thread.
fn is_spare(py: Python<'_>) -> PyResult<bool> {
    // These are Python functions: at exit they are waited for.
    calling_out(|| Ok(!in_main_thread(py)? && running_loop(py)?.is_none()))
}
