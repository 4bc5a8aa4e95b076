//! A check for memory before work that cannot report a failed allocation.
//!
//! Most libraries abort the process when an allocation fails. What a kernel needs grows with the document, so that much is
//! allocated and freed before it begins: 5 µs, for large documents only. Other threads may take the memory meanwhile, so
//! this is no guarantee; it turns the usual case, a document too large for a limit, into an error of that document.

use std::hint::black_box;

use crate::error::KernelError;

/// Less is not checked.
const SMALL: usize = 8 << 20;

/// An error if there is no memory for `factor` times `bytes`.
pub fn check_room(bytes: usize, factor: usize) -> Result<(), KernelError> {
    let needed = bytes.saturating_mul(factor);
    if needed < SMALL {
        return Ok(());
    }
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(needed).map_err(|_| KernelError::memory(needed))?;
    // The compiler may remove an allocation that is not used.
    black_box(&room);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is() {
        assert!(check_room(0, 4).is_ok());
        assert!(check_room(SMALL, 2).is_ok());
        for (bytes, factor) in [(usize::MAX, 1), (usize::MAX / 2, 4), (1 << 62, 1)] {
            assert!(check_room(bytes, factor).is_err());
        }
    }
}
