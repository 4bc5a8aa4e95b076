//! Which pointers of a call have matched anything in any of its documents: one that never does is most likely misspelt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pointer::Pointer;

/// Shared by all runners of a batch.
#[derive(Clone, Debug)]
pub struct Matches(Arc<[Pair]>);

#[derive(Debug)]
struct Pair {
    pointer: String,
    matched: AtomicBool,
    missed: AtomicBool,
}

impl Matches {
    /// Of these pointers, in order.
    pub fn new<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Self {
        let pair = |pointer: &Pointer| Pair {
            pointer: pointer.to_string(),
            matched: AtomicBool::new(false),
            missed: AtomicBool::new(false),
        };
        Self(pointers.into_iter().map(pair).collect())
    }

    /// A document has something, or nothing, at each of them.
    pub fn note(&self, found: impl IntoIterator<Item = bool>) {
        for (pair, found) in self.0.iter().zip(found) {
            let flag = if found { &pair.matched } else { &pair.missed };
            // A look first: a line of memory that all cores write to is slow.
            if !flag.load(Ordering::Relaxed) {
                flag.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Those that matched in none of the documents that were looked at.
    pub fn never(&self) -> Vec<&str> {
        let missed = |pair: &&Pair| pair.missed.load(Ordering::Relaxed) && !pair.matched.load(Ordering::Relaxed);
        self.0.iter().filter(missed).map(|pair| pair.pointer.as_str()).collect()
    }
}
