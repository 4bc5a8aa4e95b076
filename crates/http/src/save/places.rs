//! The files that the items of a stream are saved to, so that none replaces another's.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Paths that were given out. A million take 18 MB at most: they are kept as hashes of 64 bits, of which two are the
/// same in one of 30 million such streams.
#[derive(Debug, Default)]
pub struct Places {
    hasher: RandomState,
    taken: Mutex<HashSet<u64>>,
}

impl Places {
    /// Gives `path` out; `false` if it was before.
    pub fn take(&self, path: &Path) -> bool {
        let hash = self.hasher.hash_one(path);
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_given_out_once() {
        let places = Places::default();
        for number in 0..10_000 {
            assert!(places.take(Path::new(&format!("out/{number}"))));
        }
        assert!(!places.take(Path::new("out/9999")) && !places.take(Path::new("out//0")));
        assert!(places.take(Path::new("out/a/0")));
    }
}
