//! The wish that work ends before it is finished.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::KernelError;

/// Set once, seen by everyone who works on the same batch. A look costs a load.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// From now on nobody needs the result.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same, for `?` within a kernel: at least every few milliseconds of work.
    pub fn check(&self) -> Result<(), KernelError> {
        if self.is_set() { Err(KernelError::stopped()) } else { Ok(()) }
    }
}
