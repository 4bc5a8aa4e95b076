//! Growth by a peer's bytes: it fails where memory is short, and never aborts the process.
//!
//! `Vec` aborts when an allocation fails. Every buffer whose size a peer decides grows through this module instead, and
//! the failure is that of the one request ([`ErrorKind::Memory`]).
//!
//! Small allocations around it (a task, a URL, a header's name) can't fail gracefully. So buffers stop growing while
//! [`HEADROOM`] is still left for them: for every [`PROBED`] bytes that a thread grants, it asks the system whether as
//! much could still be mapped (two system calls, 1 µs; receiving a mebibyte takes 300).

use std::cell::Cell;
use std::collections::TryReserveError;
use std::io;

use super::error::{AttemptError, ErrorKind, Phase};

/// What buffers leave to everything else.
const HEADROOM: usize = 16 << 20;

/// Bytes that a thread grants between two looks at what is left.
const PROBED: usize = 1 << 20;

/// A buffer that has this size grows to [`MAPPED`] at once: from then on no growth copies it. To copy 16 MiB holds the
/// reactor for up to 18 ms, most of which are page faults.
const GROWN: usize = 2 << 20;

/// glibc maps allocations from 32 MiB on, whatever happened before, and moves them without a copy. Only the pages that
/// are filled take memory.
const MAPPED: usize = 64 << 20;

/// A buffer can't grow: the system has no memory left, or lets this process have no more.
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
    /// Of a body; made without an allocation.
    fn from(_: OutOfMemory) -> Self {
        Self::new(ErrorKind::Memory, Phase::Body, "not enough memory for the body")
    }
}

/// Room for `additional` more bytes, and for as many again as there are: growing step by step costs linear time.
pub fn reserve(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    if into.capacity() - into.len() >= additional {
        return Ok(());
    }
    grow(into, additional.max(into.capacity()))
}

/// Room for exactly `additional` more bytes.
pub fn reserve_exact(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    if into.capacity() - into.len() >= additional {
        return Ok(());
    }
    grow(into, additional)
}

fn grow(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    let length = into.len();
    let mapped = MAPPED - length.min(MAPPED);
    // Where address space is short, less will do.
    if length >= GROWN && additional < mapped && granted(mapped).is_ok() && into.try_reserve_exact(mapped).is_ok() {
        return Ok(());
    }
    granted(additional)?;
    Ok(into.try_reserve_exact(additional)?)
}

/// Gives back what a buffer that is complete has too much.
pub fn trim(bytes: &mut Vec<u8>) {
    if bytes.capacity() - bytes.len() >= GROWN {
        bytes.shrink_to_fit();
    }
}

/// An empty buffer for exactly `capacity` bytes.
pub fn with_capacity(capacity: usize) -> Result<Vec<u8>, OutOfMemory> {
    let mut made = Vec::new();
    reserve_exact(&mut made, capacity)?;
    Ok(made)
}

/// Adds `bytes`.
pub fn extend(into: &mut Vec<u8>, bytes: &[u8]) -> Result<(), OutOfMemory> {
    reserve(into, bytes.len())?;
    into.extend_from_slice(bytes);
    Ok(())
}

/// Drops `bytes`. Giving a large buffer back takes the system 0.1 ms a mebibyte, which the reactor has no time for.
pub fn discard(bytes: Vec<u8>) {
    if bytes.capacity() >= PROBED
        && let Ok(handle) = tokio::runtime::Handle::try_current()
    {
        handle.spawn_blocking(move || drop(bytes));
    }
}

/// Counts memory that is about to be taken; fails if too little would be left.
pub fn granted(bytes: usize) -> Result<(), OutOfMemory> {
    thread_local! {
        static GRANTED: Cell<usize> = const { Cell::new(0) };
    }
    let since = GRANTED.get().saturating_add(bytes);
    if since < PROBED {
        GRANTED.set(since);
        return Ok(());
    }
    // Kept while memory is short, so that the next growth looks again.
    if !can_map(bytes.saturating_add(HEADROOM)) {
        return Err(OutOfMemory);
    }
    GRANTED.set(0);
    Ok(())
}

/// Whether the system would give this process so much.
#[cfg(unix)]
fn can_map(bytes: usize) -> bool {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a mapping of its own at an address of the system's choice: it touches nothing that exists.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
    if place == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: exactly what was mapped above; nobody else has its address.
    unsafe { libc::munmap(place, bytes) };
    true
}

/// Elsewhere the allocation itself tells.
#[cfg(not(unix))]
fn can_map(_bytes: usize) -> bool {
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let mut bytes = b"kept".to_vec();
        for size in [usize::MAX, usize::MAX / 2, 1 << 60, 1_000_000_000_000_000] {
            assert_eq!(reserve(&mut bytes, size), Err(OutOfMemory));
            assert_eq!(reserve_exact(&mut bytes, size), Err(OutOfMemory));
            assert_eq!(with_capacity(size), Err(OutOfMemory));
        }
        assert_eq!(bytes, b"kept");
        extend(&mut bytes, b" and added").unwrap();
        assert_eq!(bytes, b"kept and added");
    }

    #[test]
    fn room_is_what_was_asked_for() {
        let mut bytes = with_capacity(1 << 20).unwrap();
        for grown in [2 << 20, MAPPED, 2 * MAPPED] {
            bytes.resize(bytes.capacity(), 1);
            reserve(&mut bytes, 1).unwrap();
            assert_eq!(bytes.capacity(), grown);
        }
        bytes.truncate(3 << 20);
        trim(&mut bytes);
        assert!(bytes.capacity() < 4 << 20 && bytes.iter().all(|byte| *byte == 1));
    }

    #[test]
    fn it_is_the_failure_of_one_request() {
        let failure = AttemptError::from(OutOfMemory);
        assert_eq!((failure.kind, failure.phase), (ErrorKind::Memory, Phase::Body));
        assert_eq!(io::Error::from(OutOfMemory).kind(), io::ErrorKind::OutOfMemory);
    }
}
