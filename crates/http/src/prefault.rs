//! Room for what is large, without a fault for every page.
//!
//! Pages of 2 MiB (`MADV_HUGEPAGE`) would be the other way. They halve the time of a body of 100 MiB where the system has
//! such pages left, and treble it where it has to make them first (50, 100 and 290 ms): not asked for.

use std::mem::MaybeUninit;

/// Room for a body is made when its first so many bytes have come: one that is only announced costs nothing.
const FIRST: usize = 64 << 10;

/// The most that is made at once: it is still in the cache when it is filled, and a reactor stands still for 50 µs.
const MOST: usize = 256 << 10;

/// Makes the pages for what comes next of a body of which `left` bytes are still to come, if it is at a mark; how many
/// bytes of it are to be read until the next one. At each mark room is made for as much as has come by then.
pub fn make_room(into: &mut Vec<u8>, left: usize) -> usize {
    let come = into.len();
    let next = left.min(until_mark(come));
    if is_mark(come) {
        let spare = into.spare_capacity_mut();
        let count = spare.len().min(next);
        populate(spare.get_mut(..count).unwrap_or_default());
    }
    next
}

/// How many bytes of a body, of which `come` have come, there are up to the next mark.
fn until_mark(come: usize) -> usize {
    let next = match come {
        0..FIRST => FIRST,
        FIRST..MOST => (come + 1).next_power_of_two(),
        _ => (come / MOST + 1).saturating_mul(MOST),
    };
    next - come
}

/// Whether a body is at a mark.
fn is_mark(come: usize) -> bool {
    come >= FIRST && (come.is_multiple_of(MOST) || come.is_power_of_two())
}

/// Has the pages of a buffer made at once, which is about to be filled. 1 MiB is 256 faults of up to 0.7 µs on a virtual
/// machine, a fifth of what it takes to receive it.
#[cfg(target_os = "linux")]
pub fn populate(unused: &mut [MaybeUninit<u8>]) {
    const PAGE: usize = 4 << 10;
    if unused.len() < FIRST {
        return;
    }
    let start = unused.as_mut_ptr();
    let skipped = start.align_offset(PAGE);
    let whole = unused.len().saturating_sub(skipped) / PAGE * PAGE;
    // SAFETY: the range lies within `unused`, which nobody else has; it leaves the contents of pages that exist alone.
    // Kernels before 5.14 don't know it, and do nothing.
    unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_POPULATE_WRITE) };
}

/// Elsewhere they come one by one.
#[cfg(not(target_os = "linux"))]
pub fn populate(_unused: &mut [MaybeUninit<u8>]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_what_it_was() {
        for size in [0, 1, 4096, FIRST, 128 << 10, (20 << 20) + 12_345] {
            let mut bytes = vec![7u8; 100];
            bytes.reserve_exact(size);
            populate(bytes.spare_capacity_mut());
            bytes.resize(100 + size, 9);
            assert!(bytes.iter().take(100).all(|byte| *byte == 7) && bytes.iter().skip(100).all(|byte| *byte == 9));
        }
    }

    #[test]
    fn marks_are_where_the_way_to_them_ends() {
        let mut come = 0;
        let mut marks = Vec::new();
        while come < 1 << 20 {
            assert!(!is_mark(come + 1) && until_mark(come + 1) == until_mark(come) - 1);
            come += until_mark(come);
            assert!(is_mark(come), "{come}");
            marks.push(come >> 10);
        }
        assert_eq!(marks, [64, 128, 256, 512, 768, 1024]);
    }
}
