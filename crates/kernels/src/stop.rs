//! The flag that stops a batch.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::KernelError;

/// Set once, seen by all runners of a batch. A check costs a load.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Stops the work.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work is to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if the work is to stop. A kernel calls it every few milliseconds.
    pub fn check(&self) -> Result<(), KernelError> {
        if self.is_set() { Err(KernelError::stopped()) } else { Ok(()) }
    }
}
