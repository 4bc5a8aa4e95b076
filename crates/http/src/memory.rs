//! Fallible growth of buffers whose size a peer decides.
//!
//! `Vec` aborts the process when an allocation fails. Buffers that grow by received bytes grow through this module
//! instead, and a failure is that of one request ([`ErrorKind::Memory`]).
//!
//! Small allocations (a task, a URL, a header name) can't fail gracefully, so growth stops while [`HEADROOM`] is left for
//! them: for every [`PROBE_INTERVAL`] bytes that a thread grants, it asks the system whether as much could be mapped. That
//! is two system calls of 1 µs in all; receiving a mebibyte takes 300 µs.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::cell::Cell;
use std::collections::TryReserveError;
use std::io;

use super::error::{AttemptError, ErrorKind, Phase};

/// Memory that buffers leave to everything else.
const HEADROOM: usize = 16 << 20;

/// Bytes that a thread grants between two probes.
const PROBE_INTERVAL: usize = 1 << 20;

/// From this size on a buffer grows to [`MAPPED`] at once, after which growth copies nothing. Copying 16 MiB holds the
/// reactor for up to 18 ms, most of it page faults.
const LARGE: usize = 2 << 20;

/// glibc always maps allocations of 32 MiB and more, and moves them without a copy. Only filled pages take memory.
const MAPPED: usize = 64 << 20;

/// The system has no memory left for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not enough memory")]
pub struct OutOfMemory;

impl From<TryReserveError> for OutOfMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

impl From<OutOfMemory> for io::Error {
    fn from(_: OutOfMemory) -> Self {
        io::ErrorKind::OutOfMemory.into()
    }
}

impl From<OutOfMemory> for AttemptError {
    /// The failure of a body, made without an allocation.
    fn from(_: OutOfMemory) -> Self {
        Self::new(ErrorKind::Memory, Phase::Body, "not enough memory for the body")
    }
}

/// Makes room for `additional` more bytes, and at least doubles the capacity, so that growth takes linear time in all.
pub fn reserve(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    if into.capacity() - into.len() >= additional {
        return Ok(());
    }
    grow(into, additional.max(into.capacity()))
}

/// Makes room for exactly `additional` more bytes.
pub fn reserve_exact(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    if into.capacity() - into.len() >= additional {
        return Ok(());
    }
    grow(into, additional)
}

fn grow(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    let length = into.len();
    let mapped = MAPPED - length.min(MAPPED);
    // If address space is short, the smaller growth below may still succeed.
    if length >= LARGE && additional < mapped && granted(mapped).is_ok() && into.try_reserve_exact(mapped).is_ok() {
        return Ok(());
    }
    granted(additional)?;
    Ok(into.try_reserve_exact(additional)?)
}

/// Frees the spare capacity of a complete buffer.
pub fn trim(bytes: &mut Vec<u8>) {
    if bytes.capacity() - bytes.len() >= LARGE {
        bytes.shrink_to_fit();
    }
}

/// An empty buffer of exactly `capacity`.
pub fn with_capacity(capacity: usize) -> Result<Vec<u8>, OutOfMemory> {
    let mut made = Vec::new();
    reserve_exact(&mut made, capacity)?;
    Ok(made)
}

/// Appends `bytes`.
pub fn extend(into: &mut Vec<u8>, bytes: &[u8]) -> Result<(), OutOfMemory> {
    reserve(into, bytes.len())?;
    into.extend_from_slice(bytes);
    Ok(())
}

/// Drops `bytes` on another thread: freeing a large buffer takes 0.1 ms per mebibyte, too long for the reactor.
pub fn discard(bytes: Vec<u8>) {
    if bytes.capacity() >= PROBE_INTERVAL
        && let Ok(handle) = tokio::runtime::Handle::try_current()
    {
        handle.spawn_blocking(move || drop(bytes));
    }
}

/// Grants an allocation of `bytes`; fails if too little memory would be left.
pub fn granted(bytes: usize) -> Result<(), OutOfMemory> {
    thread_local! {
        static GRANTED: Cell<usize> = const { Cell::new(0) };
    }
    let since = GRANTED.get().saturating_add(bytes);
    if since < PROBE_INTERVAL {
        GRANTED.set(since);
        return Ok(());
    }
    // The count is kept during a shortage, so that the next growth probes again.
    if !can_map(bytes.saturating_add(HEADROOM)) {
        return Err(OutOfMemory);
    }
    GRANTED.set(0);
    Ok(())
}

/// Whether the system would map this many bytes.
#[cfg(unix)]
fn can_map(bytes: usize) -> bool {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a null address without MAP_FIXED makes the system choose a free range, so no existing mapping changes. Only
    // that range is unmapped, and no pointer into it exists.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0);
        place != libc::MAP_FAILED && libc::munmap(place, bytes) == 0
    }
}

/// On other systems the allocation itself fails.
#[cfg(not(unix))]
fn can_map(_bytes: usize) -> bool {
    true
}
