//! What the documents of running batches are borrowed from.
//!
//! Kernels read the memory of Python objects without holding the objects: those are kept here, by number, and a batch has
//! the number only. When its last runner has stopped, on whichever thread, the notifier's thread takes the GIL and lets
//! go of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::ffi::FFI_ArrowArray;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;

use crate::bridge::detach::attached;
use shoal_kernels::document::BufferGuard;
use shoal_runtime::fork::PerProcess;
use shoal_runtime::{Notifier, is_exiting, notifier};

/// Objects that are let go of in one go, about 10 µs with the GIL: whoever waits for the result wants it at that moment.
const STRIDE: usize = 100;

/// Whatever lends memory.
#[derive(Default)]
pub struct BorrowedBuffers {
    /// `str` and `bytes`.
    pub objects: Vec<Py<PyAny>>,
    /// Other objects with the buffer protocol.
    pub buffers: Vec<PyUntypedBuffer>,
    /// Arrow data; its owner may be a Python object.
    pub arrays: Vec<FFI_ArrowArray>,
}

/// A child has its own: the notifier's thread locks it without the GIL.
static LENT: PerProcess<Mutex<HashMap<u64, BorrowedBuffers>>> = PerProcess::new();
static NUMBERS: AtomicU64 = AtomicU64::new(0);

fn lent() -> MutexGuard<'static, HashMap<u64, BorrowedBuffers>> {
    LENT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

impl BorrowedBuffers {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.buffers.is_empty() && self.arrays.is_empty()
    }

    /// Keeps everything until the lease is dropped. An error if there is no thread to let go of it then.
    pub fn lend(self) -> std::io::Result<BufferGuard> {
        if self.is_empty() {
            return Ok(Box::new(()));
        }
        let notifier = notifier()?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        lent().insert(number, self);
        Ok(Box::new(Lent { number, notifier }))
    }

    /// Lets go of some; whether there is more.
    fn shrink(&mut self) -> bool {
        self.objects.truncate(self.objects.len().saturating_sub(STRIDE));
        self.buffers.truncate(self.buffers.len().saturating_sub(STRIDE));
        if self.objects.is_empty() && self.buffers.is_empty() {
            self.arrays.clear();
        }
        !self.is_empty()
    }
}

struct Lent {
    number: u64,
    notifier: Notifier,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if is_exiting() {
            // Half an interpreter is no place to destroy objects.
            return;
        }
        let number = self.number;
        self.notifier.notify(Box::new(move || {
            let taken = lent().remove(&number);
            let Some(mut held) = taken else { return };
            while attached(|_| held.shrink()) {}
        }));
    }
}
