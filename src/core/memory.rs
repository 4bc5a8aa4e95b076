//! Growth by a peer's bytes: it fails where memory is short, and never aborts the process.
//!
//! `Vec` aborts when an allocation fails. Every buffer whose size a peer decides grows through this module instead, and
//! the failure is that of the one request ([`Kind::Memory`]).
//!
//! Small allocations around it (a task, a URL, a header's name) can't fail gracefully. So buffers stop growing while
//! [`HEADROOM`] is still left for them: for every [`PROBED`] bytes that a thread grants, it asks the system whether as
//! much could still be mapped (two system calls, 1 µs; receiving a mebibyte takes 300).

use std::cell::Cell;
use std::collections::TryReserveError;
use std::io;

use super::error::{Failure, Kind, Phase};

/// What buffers leave to everything else.
const HEADROOM: usize = 16 << 20;

/// Bytes that a thread grants between two looks at what is left.
const PROBED: usize = 1 << 20;

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

impl From<OutOfMemory> for Failure {
    /// Of a body; made without an allocation.
    fn from(_: OutOfMemory) -> Self {
        Self::new(Kind::Memory, Phase::Body, "not enough memory for the body")
    }
}

/// Room for `additional` more bytes, and for as many again as there are: growing step by step costs linear time.
pub fn reserve(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    if into.capacity() - into.len() >= additional {
        return Ok(());
    }
    granted(additional.max(into.len()))?;
    Ok(into.try_reserve(additional)?)
}

/// Room for exactly `additional` more bytes.
pub fn reserve_exact(into: &mut Vec<u8>, additional: usize) -> Result<(), OutOfMemory> {
    if into.capacity() - into.len() >= additional {
        return Ok(());
    }
    granted(additional)?;
    Ok(into.try_reserve_exact(additional)?)
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
        let mut bytes = with_capacity(3 << 20).unwrap();
        let capacity = bytes.capacity();
        assert!(capacity >= 3 << 20);
        bytes.resize(capacity, 1);
        reserve(&mut bytes, 1).unwrap();
        assert!(bytes.capacity() >= 2 * capacity, "growing doubles");
    }

    #[test]
    fn it_is_the_failure_of_one_request() {
        let failure = Failure::from(OutOfMemory);
        assert_eq!((failure.kind, failure.phase), (Kind::Memory, Phase::Body));
        assert_eq!(io::Error::from(OutOfMemory).kind(), io::ErrorKind::OutOfMemory);
    }
}
