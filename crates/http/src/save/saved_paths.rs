//! The files that the items of a stream were saved to, so that no item repaths the file of another.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Mutex;

use crate::lock::lock;

/// The claimed paths, as 64-bit hashes: a million paths take at most 18 MB, and two of them have the same hash in one of
/// 30 million such streams.
#[derive(Debug, Default)]
pub struct SavedPaths {
    hasher: RandomState,
    claimed: Mutex<HashSet<u64>>,
}

impl SavedPaths {
    /// Claims `path`; `false` if it was claimed before.
    pub fn claim(&self, path: &Path) -> bool {
        let hash = self.hasher.hash_one(path);
        lock(&self.claimed).insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_claimed_once() {
        let paths = SavedPaths::default();
        for number in 0..10_000 {
            assert!(paths.claim(Path::new(&format!("out/{number}"))));
        }
        assert!(!paths.claim(Path::new("out/9999")) && !paths.claim(Path::new("out//0")));
        assert!(paths.claim(Path::new("out/a/0")));
    }
}
