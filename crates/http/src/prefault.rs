//! Makes the pages of large buffers before they are filled, instead of by one page fault each.
//!
//! 200 bodies of 1 MiB as Python `bytes` take 17 % less CPU time with it (400 instead of 480 ms), 9 % of them by
//! [`make_room`]; one of 100 MiB takes 15 % less. Huge pages (`MADV_HUGEPAGE`) would halve the time of 100 MiB where the
//! system has such pages left, and treble it where it has to make them first (50, 100 and 290 ms): not used.

#[cfg(test)]
mod tests;

use std::mem::MaybeUninit;

/// Received bytes after which pages are made for a body, so that an announced length costs nothing.
const MIN: usize = 64 << 10;

/// The most that is made at once: it is still in the cache when it is filled, and holds the reactor for 50 µs.
const MAX: usize = 256 << 10;

/// Makes the pages for the next part of a body with `left` bytes to come, if it stands at a mark. Returns how many bytes to
/// read until the next mark. At each mark pages are made for as much as has been received, up to [`MAX`].
pub fn make_room(into: &mut Vec<u8>, left: usize) -> usize {
    let received = into.len();
    let next = left.min(until_mark(received));
    if is_mark(received) {
        let spare = into.spare_capacity_mut();
        let count = spare.len().min(next);
        populate(spare.get_mut(..count).unwrap_or_default());
    }
    next
}

/// The bytes from `received` up to the next mark.
fn until_mark(received: usize) -> usize {
    let next = match received {
        0..MIN => MIN,
        MIN..MAX => (received + 1).next_power_of_two(),
        _ => (received / MAX + 1).saturating_mul(MAX),
    };
    next - received
}

/// Whether `received` is a mark.
fn is_mark(received: usize) -> bool {
    received >= MIN && (received.is_multiple_of(MAX) || received.is_power_of_two())
}

/// Makes the pages of a buffer that is about to be filled. 1 MiB is 256 faults of up to 0.7 µs on a virtual machine, a
/// fifth of the time it takes to receive.
#[cfg(target_os = "linux")]
pub fn populate(unused: &mut [MaybeUninit<u8>]) {
    const PAGE: usize = 4 << 10;
    if unused.len() < MIN {
        return;
    }
    let start = unused.as_mut_ptr();
    let skipped = start.align_offset(PAGE);
    let whole = unused.len().saturating_sub(skipped) / PAGE * PAGE;
    // SAFETY: `skipped + whole <= unused.len()` whenever `whole > 0`, so the range lies within `unused`, which is borrowed
    // exclusively. The call makes missing pages and leaves the contents of others alone. Kernels before 5.14 return EINVAL.
    unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_POPULATE_WRITE) };
}

/// Other systems make them one by one.
#[cfg(not(target_os = "linux"))]
pub fn populate(_unused: &mut [MaybeUninit<u8>]) {}
