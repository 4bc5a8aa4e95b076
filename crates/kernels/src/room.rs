//! Whether there is memory, asked before work that can't say that there is none.
//!
//! Where an allocation fails, most libraries abort the process. What a kernel may need grows with the document, so it is
//! asked for at once and given back, before it begins: 5 µs, for large documents only. Others may take the memory
//! meanwhile, so this is no promise; it makes the usual case, a document too large for a limit, a failure of that document.

use std::hint::black_box;

use super::error::KernelError;

/// Less is not asked for.
const SMALL: usize = 8 << 20;

/// A failure if there is no memory for `factor` times `bytes`.
pub fn check_room(bytes: usize, factor: usize) -> Result<(), KernelError> {
    let needed = bytes.saturating_mul(factor);
    if needed < SMALL {
        return Ok(());
    }
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(needed).map_err(|_| KernelError::memory(needed))?;
    // An allocation that nobody looks at may be left out.
    black_box(&room);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has() {
        assert!(check_room(0, 4).is_ok());
        assert!(check_room(SMALL, 2).is_ok());
        for (bytes, factor) in [(usize::MAX, 1), (usize::MAX / 2, 4), (1 << 62, 1)] {
            assert!(check_room(bytes, factor).is_err());
        }
    }
}
