//! Yielding the GIL in long loops that create or read Python objects.

use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::detach::detached;

/// Objects between two looks at the clock: 10 to 50 µs.
const STRIDE: usize = 256;

/// How long the GIL is held at a time.
const HOLD: Duration = Duration::from_millis(2);

/// How long the GIL stays released, so that a waiting thread has time to wake up.
const RELEASE: Duration = Duration::from_micros(50);

/// Counts the objects of a loop and yields the GIL every 2 ms.
pub struct GilYielder {
    count: usize,
    since: Instant,
}

impl GilYielder {
    /// Starts with the GIL just taken.
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
