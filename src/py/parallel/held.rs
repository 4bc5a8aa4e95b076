//! What the documents of running batches are borrowed from.
//!
//! Kernels read the memory of Python objects without holding the objects: those are kept here, by number, and a batch has
//! the number only. When its last runner has stopped, on whichever thread, the notifier's thread takes the GIL and lets
//! go of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow_array::ArrayRef;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;

use crate::cpu::document::Lease;
use crate::runtime::detach::attached;
use crate::runtime::{is_closing, notify};

/// Objects that are let go of in one go, about 10 µs with the GIL: whoever waits for the result wants it at that moment.
const STRIDE: usize = 100;

/// Whatever lends memory.
#[derive(Default)]
pub struct Held {
    /// `str` and `bytes`.
    pub objects: Vec<Py<PyAny>>,
    /// Other objects with the buffer protocol.
    pub buffers: Vec<PyUntypedBuffer>,
    /// Arrow data; its owner may be a Python object.
    pub arrays: Vec<ArrayRef>,
}

static LENT: Mutex<Option<HashMap<u64, Held>>> = Mutex::new(None);
static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl Held {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.buffers.is_empty() && self.arrays.is_empty()
    }

    /// Keeps everything until the lease is dropped.
    pub fn lend(self) -> Lease {
        if self.is_empty() {
            return Box::new(());
        }
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        LENT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(number, self);
        Box::new(Lent(number))
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

struct Lent(u64);

impl Drop for Lent {
    fn drop(&mut self) {
        if is_closing() {
            // Half an interpreter is no place to destroy objects.
            return;
        }
        let number = self.0;
        notify(Box::new(move || {
            let taken =
                LENT.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|lent| lent.remove(&number));
            let Some(mut held) = taken else { return };
            while attached(|_| held.shrink()) {}
        }));
    }
}
