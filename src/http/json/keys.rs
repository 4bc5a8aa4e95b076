//! Keys that have been seen before.
//!
//! Documents repeat them, and so do the documents of one server: the object that was made for a key is used again, with
//! the hash that it remembers.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::string;

/// Longer ones are made anew.
const LONGEST: usize = 64;

/// A power of two.
const ENTRIES: usize = 2048;

type Entries = [Entry; ENTRIES];

/// A key is kept when it comes twice with none in between that has the same place: where all are different, it costs more
/// to keep them, and to drop those kept before, than to make them.
#[derive(Default)]
struct Entry {
    /// A part of the hash of `key`, so that another one is known for such without a look at it.
    tag: u32,
    /// That of the last one that was not found here.
    missed: u32,
    key: Option<Py<PyAny>>,
}

/// The one that nobody uses at the moment, to which those who are attached help themselves.
static SPARE: AtomicPtr<Entries> = AtomicPtr::new(std::ptr::null_mut());

/// The keys, taken for as long as this lives.
pub struct Keys<'py> {
    py: Python<'py>,
    entries: Option<Box<Entries>>,
}

impl<'py> Keys<'py> {
    /// Taken at the first key.
    pub fn take(py: Python<'py>) -> Self {
        Self { py, entries: None }
    }

    #[inline(never)]
    fn fetch() -> Option<Box<Entries>> {
        let spare = SPARE.swap(std::ptr::null_mut(), Ordering::Acquire);
        if spare.is_null() {
            let fresh: Vec<_> = std::iter::repeat_with(Entry::default).take(ENTRIES).collect();
            return fresh.into_boxed_slice().try_into().ok();
        }
        // SAFETY: it was put there by `drop`, and swapped out it is nobody else's.
        Some(unsafe { Box::from_raw(spare) })
    }

    /// The object for a key in ASCII.
    #[inline(always)]
    pub fn get(&mut self, py: Python<'py>, key: &[u8]) -> Option<Bound<'py, PyAny>> {
        if key.len() < 2 || key.len() > LONGEST {
            return string::ascii(py, key);
        }
        if self.entries.is_none() {
            self.entries = Self::fetch();
        }
        let hash = hash(key);
        let tag = (hash >> 32) as u32;
        let entry = self.entries.as_mut()?.get_mut((hash >> 40) as usize % ENTRIES)?;
        if entry.tag == tag
            && let Some(known) = &entry.key
        {
            // SAFETY: all entries are strings in ASCII, made below, and alive.
            let known_text = unsafe {
                let (text, length) =
                    (known.as_ptr().cast::<ffi::PyASCIIObject>().add(1), ffi::PyUnicode_GET_LENGTH(known.as_ptr()));
                std::slice::from_raw_parts(text.cast::<u8>(), length as usize)
            };
            if known_text.len() == key.len() && same(known_text, key) {
                return Some(known.bind(py).clone());
            }
        }
        let made = string::ascii(py, key)?;
        if entry.missed == tag {
            entry.tag = tag;
            let old = entry.key.replace(made.clone().unbind());
            drop(old.map(|old| old.into_bound(py)));
        }
        entry.missed = tag;
        Some(made)
    }
}

/// Whether two keys of one length are the same, without a call.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    macro_rules! words {
        ($word:ty) => {{
            const SIZE: usize = size_of::<$word>();
            let word = |word: &[u8; SIZE]| <$word>::from_ne_bytes(*word);
            let ends = |key: &[u8]| Some((word(key.first_chunk()?), word(key.last_chunk()?)));
            if let (Some(one_ends), Some(other_ends)) = (ends(one), ends(other)) {
                let middle = || {
                    let pairs = one.as_chunks::<SIZE>().0.iter().zip(other.as_chunks::<SIZE>().0).skip(1);
                    pairs.fold(true, |same, (one, other)| same & (word(one) == word(other)))
                };
                return one_ends == other_ends && middle();
            }
        }};
    }
    words!(u128);
    words!(u64);
    words!(u32);
    one == other
}

/// Where a key is, if it is there, is in this.
#[inline(always)]
fn hash(key: &[u8]) -> u64 {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let (ends, mut middle) = if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        ((u64::from_le_bytes(*first), u64::from_le_bytes(*last)), key.as_chunks::<8>().0)
    } else if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        ((u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last))), [].as_slice())
    } else {
        let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) else { return 0 };
        ((u64::from(u16::from_le_bytes(*first)), u64::from(u16::from_le_bytes(*last))), [].as_slice())
    };
    middle = middle.get(1..).unwrap_or_default();
    let mut hash = ends.0.wrapping_mul(MIX) ^ ends.1 ^ (key.len() as u64);
    for chunk in middle {
        hash = hash.rotate_left(23) ^ u64::from_le_bytes(*chunk);
    }
    (hash ^ hash >> 32).wrapping_mul(MIX)
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        let Some(entries) = self.entries.take() else { return };
        let entries = Box::into_raw(entries);
        let kept = SPARE.compare_exchange(std::ptr::null_mut(), entries, Ordering::Release, Ordering::Relaxed);
        if kept.is_err() {
            // SAFETY: nobody else has seen it; `self.py` shows that its objects may be dropped.
            let entries = unsafe { Box::from_raw(entries) };
            let _ = self.py;
            drop(entries);
        }
    }
}
