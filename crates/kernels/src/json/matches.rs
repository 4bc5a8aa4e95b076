//! Which pointers have matched in any document of a call: one that never does is most likely misspelt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pointer::Pointer;

/// The pointers of a call and whether each has matched. Shared by all threads of the batch.
#[derive(Clone, Debug)]
pub struct Matches(Arc<[Pair]>);

#[derive(Debug)]
struct Pair {
    pointer: String,
    matched: AtomicBool,
    missed: AtomicBool,
}

impl Matches {
    pub(super) fn new<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Self {
        let pair = |pointer: &Pointer| Pair {
            pointer: pointer.to_string(),
            matched: AtomicBool::new(false),
            missed: AtomicBool::new(false),
        };
        Self(pointers.into_iter().map(pair).collect())
    }

    /// Notes for each pointer whether it matched in a document.
    pub(super) fn note(&self, found: impl IntoIterator<Item = bool>) {
        for (pair, found) in self.0.iter().zip(found) {
            let flag = if found { &pair.matched } else { &pair.missed };
            // Read first: a cache line that all cores write to is slow.
            if !flag.load(Ordering::Relaxed) {
                flag.store(true, Ordering::Relaxed);
            }
        }
    }

    /// The pointers that matched in none of the documents.
    pub fn never(&self) -> Vec<&str> {
        let missed = |pair: &&Pair| pair.missed.load(Ordering::Relaxed) && !pair.matched.load(Ordering::Relaxed);
        self.0.iter().filter(missed).map(|pair| pair.pointer.as_str()).collect()
    }
}
