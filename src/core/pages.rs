//! Room for large bodies, without a fault for every page.
//!
//! A fresh buffer of 100 MiB is 25,600 page faults, which take as long as receiving it; in pages of 2 MiB it is 50. Linux
//! gives those to whoever asks (`madvise` in `/sys/kernel/mm/transparent_hugepage/enabled`, which is the usual setting).

use std::mem::MaybeUninit;

/// Smaller buffers are not worth asking for.
pub const WORTH: usize = 8 << 20;

/// Asks for large pages for what is not used yet of a buffer. Nothing changes but the time that it takes.
#[cfg(target_os = "linux")]
pub fn enlarge(unused: &mut [MaybeUninit<u8>]) {
    const PAGE: usize = 2 << 20;
    if unused.len() < WORTH {
        return;
    }
    let start = unused.as_mut_ptr();
    let skipped = start.align_offset(PAGE);
    let whole = unused.len().saturating_sub(skipped) / PAGE * PAGE;
    // SAFETY: the range lies within `unused`, which nobody else has; the advice leaves its contents alone.
    unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
}

/// Elsewhere the system decides by itself.
#[cfg(not(target_os = "linux"))]
pub fn enlarge(_unused: &mut [MaybeUninit<u8>]) {}

/// Has the pages of a buffer made at once, which is about to be filled. 1 MiB is 256 faults of 0.7 µs on a virtual
/// machine, a fifth of what it takes to receive it.
#[cfg(target_os = "linux")]
pub fn populate(unused: &mut [MaybeUninit<u8>]) {
    const PAGE: usize = 4 << 10;
    const LEAST: usize = 128 << 10;
    if unused.len() < LEAST {
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
        for size in [0, 1, WORTH - 1, WORTH, (20 << 20) + 12_345] {
            let mut bytes = vec![7u8; 100];
            bytes.reserve_exact(size);
            enlarge(bytes.spare_capacity_mut());
            populate(bytes.spare_capacity_mut());
            bytes.resize(100 + size, 9);
            assert!(bytes.iter().take(100).all(|byte| *byte == 7) && bytes.iter().skip(100).all(|byte| *byte == 9));
        }
    }
}
