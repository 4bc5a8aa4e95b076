//! The Python objects whose memory the documents of running batches borrow.
//!
//! Kernels read that memory without the GIL and without references to its owners. A table in this module keeps the
//! references under a number, and a batch has only a guard with this number. When the last runner of a batch drops the
//! guard, on any thread, the notifier's thread takes the GIL and releases the owners.

use std::collections::HashMap;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;

use crate::bridge::detach::attached;
use shoal_kernels::arrow::ArrowArrays;
use shoal_kernels::document::BufferGuard;
use shoal_runtime::fork::PerProcess;
use shoal_runtime::{Mutex, Notifier, is_exiting, notifier};

/// Objects released per hold of the GIL: about 10 µs, because the caller needs the GIL at the same time for the result.
const STRIDE: usize = 100;

/// The owners of the memory of one batch.
#[derive(Default)]
pub struct BorrowedBuffers {
    /// Objects whose memory does not need the buffer protocol, such as `str` and `bytes`.
    pub objects: Vec<Py<PyAny>>,
    /// Other objects with the buffer protocol.
    pub buffers: Vec<PyUntypedBuffer>,
    /// Arrow data, whose owner may be a Python object.
    pub arrays: Option<ArrowArrays>,
}

/// The table. It is per process, because the notifier's thread locks it without the GIL: a child that is forked
/// meanwhile would find it locked.
static BORROWED: PerProcess<Mutex<HashMap<u64, BorrowedBuffers>>> = PerProcess::new();
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

fn borrowed() -> MutexGuard<'static, HashMap<u64, BorrowedBuffers>> {
    BORROWED.get_or_init(Mutex::default).lock()
}

impl BorrowedBuffers {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.buffers.is_empty() && self.arrays.is_none()
    }

    /// Keeps the owners until the guard is dropped. An error if the thread that releases them cannot be started.
    pub fn guard(self) -> std::io::Result<BufferGuard> {
        if self.is_empty() {
            return Ok(Box::new(()));
        }
        let notifier = notifier()?;
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        borrowed().insert(number, self);
        Ok(Box::new(Guard { number, notifier }))
    }

    /// Releases some of the owners; returns whether any are left.
    fn release_some(&mut self) -> bool {
        self.objects.truncate(self.objects.len().saturating_sub(STRIDE));
        self.buffers.truncate(self.buffers.len().saturating_sub(STRIDE));
        if self.objects.is_empty() && self.buffers.is_empty() {
            self.arrays = None;
        }
        !self.is_empty()
    }
}

struct Guard {
    number: u64,
    notifier: Notifier,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Objects must not be destroyed while the interpreter shuts down, so they leak.
        if is_exiting() {
            return;
        }
        let number = self.number;
        self.notifier.notify(Box::new(move || {
            let removed = borrowed().remove(&number);
            let Some(mut buffers) = removed else { return };
            while attached(|_| buffers.release_some()) {}
        }));
    }
}
