//! Fallible allocations for brotli, whose window and tables have a size that the stream decides.

use brotli::{Allocator, SliceWrapper, SliceWrapperMut};

use crate::memory::granted;

/// Smaller allocations are never refused: the decoder does not check all of them.
const SMALL: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Heap {
    pub(super) refused: bool,
}

/// An allocation; empty if it was refused.
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
        // Zeroed by the system: only pages that are written take memory.
        Cells(vec![T::default(); count].into_boxed_slice())
    }

    fn free_cell(&mut self, _cells: Cells<T>) {}
}
