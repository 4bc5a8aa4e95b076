//! The only place where Rust code releases or takes the GIL.

use std::thread;
use std::time::{Duration, Instant};

use pyo3::Python;

use shoal_runtime::{FinalizeGuard, park_forever};

/// Runs `work` without the GIL (on free-threaded builds: detached from the interpreter). During an exit this thread
/// might never get the GIL back, so `work` then runs with the GIL held.
pub fn detached<T, F>(py: Python<'_>, work: F) -> T
where
    F: Send + FnOnce() -> T,
    T: Send,
{
    let Some(guard) = FinalizeGuard::acquire() else { return work() };
    py.detach(|| {
        let result = work();
        guard.before_attach();
        result
    })
}

/// Runs `work` with the GIL, on a thread that Shoal started. During an exit the thread blocks here for ever and leaks
/// its objects: to drop a Python object now could run its destructor in a half-finalised interpreter.
pub fn attached<T>(work: impl for<'py> FnOnce(Python<'py>) -> T) -> T {
    if let Some(_guard) = FinalizeGuard::acquire()
        && let Some(done) = Python::try_attach(work)
    {
        return done;
    }
    park_forever()
}

/// Objects between two reads of the clock: 10 to 50 µs.
const STRIDE: usize = 256;

/// How long the GIL is held at a time.
pub const HOLD: Duration = Duration::from_millis(2);

/// How long the GIL stays released. A thread that waits for it has to wake up first: when the GIL was taken back at
/// once, an event loop ran half as many iterations (35 instead of 71 in 220 ms).
pub const RELEASE: Duration = Duration::from_micros(50);

/// Counts the objects that a loop makes, and yields the GIL every 2 ms ([`HOLD`]).
pub struct GilYielder {
    count: usize,
    since: Instant,
}

impl GilYielder {
    pub fn new() -> Self {
        Self { count: 0, since: Instant::now() }
    }

    /// Counts an object. Other threads, and any Python code, may run in this call.
    #[inline]
    pub fn step(&mut self, py: Python<'_>) {
        self.count += 1;
        if self.count.is_multiple_of(STRIDE) && self.since.elapsed() >= HOLD {
            detached(py, || thread::sleep(RELEASE));
            self.since = Instant::now();
        }
    }
}
