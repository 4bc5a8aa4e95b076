//! Memory for brotli's windows and tables, whose size a stream decides: where there is none, its decoder reports that
//! instead of aborting the process.

use brotli::{Allocator, SliceWrapper, SliceWrapperMut};

use crate::memory::granted;

/// Smaller allocations are never refused: the decoder does not look at all of them.
const SMALL: usize = 64 << 10;

/// Gives what the system has.
#[derive(Debug, Default)]
pub(super) struct Heap {
    /// There was not enough.
    pub(super) refused: bool,
}

/// An allocation of it; empty if it was refused.
#[derive(Debug)]
pub(super) struct Cells<T>(Box<[T]>);

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> SliceWrapper<T> for Cells<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cells<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = Cells<T>;

    fn alloc_cell(&mut self, count: usize) -> Cells<T> {
        let size = count.saturating_mul(size_of::<T>());
        if size >= SMALL && granted(size).is_err() {
            self.refused = true;
            return Cells::default();
        }
        // Zeroed by the system, so that a window takes the pages that are written.
        Cells(vec![T::default(); count].into_boxed_slice())
    }

    fn free_cell(&mut self, _cells: Cells<T>) {}
}
