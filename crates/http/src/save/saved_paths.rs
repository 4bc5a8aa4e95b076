//! The files that the items of a stream are saved to, so that none replaces another's.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Paths that were given out. A million take 18 MB at most: they are kept as hashes of 64 bits, of which two are the
/// same in one of 30 million such streams.
#[derive(Debug, Default)]
pub struct SavedPaths {
    hasher: RandomState,
    taken: Mutex<HashSet<u64>>,
}

impl SavedPaths {
    /// Gives `path` out; `false` if it was before.
    pub fn claim(&self, path: &Path) -> bool {
        let hash = self.hasher.hash_one(path);
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_given_out_once() {
        let places = SavedPaths::default();
        for number in 0..10_000 {
            assert!(places.claim(Path::new(&format!("out/{number}"))));
        }
        assert!(!places.claim(Path::new("out/9999")) && !places.claim(Path::new("out//0")));
        assert!(places.claim(Path::new("out/a/0")));
    }
}
