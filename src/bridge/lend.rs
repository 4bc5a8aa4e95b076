//! Long loops that make or read Python objects lend the GIL now and then.

use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::bridge::detach::detached;

/// Objects between two looks at the clock: 10 to 50 µs.
const STRIDE: usize = 256;

/// How long the GIL is held at a time.
const HELD: Duration = Duration::from_millis(2);

/// How long it is left to others: whoever waits for it has to wake up first.
const LENT: Duration = Duration::from_micros(50);

/// Counts the objects of a loop.
pub struct Lend {
    count: usize,
    since: Instant,
}

impl Lend {
    /// The GIL was taken just now.
    pub fn new() -> Self {
        Self { count: 0, since: Instant::now() }
    }

    /// After each object. Other threads may run in here, and with them any Python code.
    #[inline]
    pub fn step(&mut self, py: Python<'_>) {
        self.count += 1;
        if self.count.is_multiple_of(STRIDE) && self.since.elapsed() >= HELD {
            detached(py, || thread::sleep(LENT));
            self.since = Instant::now();
        }
    }
}
