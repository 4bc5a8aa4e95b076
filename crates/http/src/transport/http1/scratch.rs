//! The receive buffer that all connections of a thread share.

use std::cell::Cell;
use std::mem::take;
use std::ops::{Deref, DerefMut};

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer with room for `SIZE` bytes. It is given back within the same poll, so one per thread is enough; a
/// buffer per connection would be 64 KiB each.
pub(super) struct Scratch(Vec<u8>);

impl Scratch {
    /// Bytes received at once of heads and of bodies of unknown length. A hundred small responses fit.
    pub(super) const SIZE: usize = 64 << 10;

    pub(super) fn acquire() -> Self {
        let mut buffer = BUFFER.take();
        buffer.reserve_exact(Self::SIZE);
        Self(buffer)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.0.clear();
        BUFFER.set(take(&mut self.0));
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
