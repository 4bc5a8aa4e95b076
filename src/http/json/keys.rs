//! A cache of keys.
//!
//! Keys repeat within a document and from one document of a server to the next: the string made for a key is used
//! again, with the hash that it remembers.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::string;

/// Longer keys are made anew each time.
const MAX_LENGTH: usize = 64;

/// A power of two.
const ENTRIES: usize = 2048;

type Entries = [Entry; ENTRIES];

/// A place of the cache. A key enters at its second use, if no other of its place came in between: if all keys differ,
/// storing them and dropping the old ones costs more than making them.
#[derive(Default)]
struct Entry {
    /// A part of the hash of `key`, compared before the key itself.
    tag: u32,
    /// The same part of the key last missed here.
    missed: u32,
    key: Option<Py<PyAny>>,
}

/// The cache while no parse uses it. Only threads that are attached to the interpreter swap it.
static IDLE: AtomicPtr<Entries> = AtomicPtr::new(std::ptr::null_mut());

/// The cache, which this owns while it lives. A parse that finds it in use makes another.
pub(super) struct Keys<'py> {
    py: Python<'py>,
    entries: Option<Box<Entries>>,
}

impl<'py> Keys<'py> {
    /// Acquires the cache at the first key.
    pub fn new(py: Python<'py>) -> Self {
        Self { py, entries: None }
    }

    #[inline(never)]
    fn acquire() -> Option<Box<Entries>> {
        let idle = IDLE.swap(std::ptr::null_mut(), Ordering::Acquire);
        if idle.is_null() {
            let fresh: Vec<_> = std::iter::repeat_with(Entry::default).take(ENTRIES).collect();
            return fresh.into_boxed_slice().try_into().ok();
        }
        // SAFETY: only `drop` stores a pointer there, from `Box::into_raw`; the swap made this the only copy of it.
        Some(unsafe { Box::from_raw(idle) })
    }

    /// The object for a key in ASCII.
    #[inline(always)]
    pub fn get(&mut self, key: &[u8]) -> Option<Bound<'py, PyAny>> {
        let py = self.py;
        if key.len() < 2 || key.len() > MAX_LENGTH {
            return string::ascii(py, key);
        }
        if self.entries.is_none() {
            self.entries = Self::acquire();
        }
        let hash = hash(key);
        let tag = (hash >> 32) as u32;
        let entry = self.entries.as_mut()?.get_mut((hash >> 40) as usize % ENTRIES)?;
        if entry.tag == tag
            && let Some(known) = &entry.key
        {
            // SAFETY: the entry owns a reference to a string that `string::ascii` made below: `PyUnicode_GET_LENGTH`
            // bytes behind a `PyASCIIObject`, which never change.
            let known_text = unsafe {
                let (text, length) =
                    (known.as_ptr().cast::<ffi::PyASCIIObject>().add(1), ffi::PyUnicode_GET_LENGTH(known.as_ptr()));
                std::slice::from_raw_parts(text.cast::<u8>(), length as usize)
            };
            if known_text == key {
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

/// The hash that gives the place and the tag of a key of two bytes or more.
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
        let kept = IDLE.compare_exchange(std::ptr::null_mut(), entries, Ordering::Release, Ordering::Relaxed);
        if kept.is_err() {
            // SAFETY: from `Box::into_raw` above, and not stored. `self.py` shows that this thread is attached, as it
            // must be to drop Python objects.
            drop(unsafe { Box::from_raw(entries) });
        }
    }
}
