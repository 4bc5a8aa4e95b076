//! Removes near duplicates by their signatures.
//!
//! A document is kept unless it is a near duplicate of one kept before it: the first of each group stays, and the ends of a
//! long chain of small changes stay both. Near duplicates are those whose estimated Jaccard index reaches the threshold.
//!
//! Signatures are compared only where they agree in a whole band of rows (locality-sensitive hashing; Leskovec,
//! Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3). Bands are as wide as they can be for a pair at the
//! threshold to be missed in at most one case of a hundred. Equal signatures are always found, by a table of their own.
//!
//! The time is linear: copies of a document are found in that table, and a band shared by [`MAX_CROWD`] kept documents takes
//! no more of them. It says little (a common header or footer); the other bands still count.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash3_64;

use crate::error::KernelError;
use crate::stop::Stop;

/// Kept documents that one band compares with a new one, at most.
const MAX_CROWD: u32 = 512;
/// The share of pairs at the threshold that may be missed.
const MAX_MISSED: f64 = 0.01;

/// The division of signatures into bands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bands {
    count: usize,
    rows: usize,
}

impl Bands {
    /// The widest bands that find pairs of signatures of `num_perm` numbers which agree in the share `threshold`.
    pub fn new(num_perm: usize, threshold: f64) -> Self {
        let missed = |rows: usize| {
            let agree = threshold.powi(i32::try_from(rows).unwrap_or(i32::MAX));
            (1.0 - agree).powi(i32::try_from(num_perm / rows).unwrap_or(i32::MAX))
        };
        let rows = (1..=num_perm).rev().find(|rows| missed(*rows) <= MAX_MISSED).unwrap_or(1);
        Self { count: num_perm / rows, rows }
    }

    /// A number for each band; equal for equal bands.
    pub fn keys(self, signature: &[u32]) -> impl Iterator<Item = u64> {
        let bands = signature.chunks_exact(self.rows).take(self.count).enumerate();
        bands.map(|(index, band)| hash(band, index as u64 + 1))
    }
}

fn hash(numbers: &[u32], seed: u64) -> u64 {
    let mut bytes = Vec::with_capacity(4 * numbers.len());
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    XxHash3_64::oneshot_with_seed(seed, &bytes)
}

/// The share of numbers in which two signatures agree: the estimate of the Jaccard index.
pub fn similarity(one: &[u32], other: &[u32]) -> f64 {
    let equal: u32 = one.iter().zip(other).map(|(one, other)| u32::from(one == other)).sum();
    f64::from(equal) / one.len().max(other.len()).max(1) as f64
}

/// The indexes of the documents to keep, in order, without those that have no signature (they could not be read).
/// Signatures are of one `MinHash`; `threshold` is above 0 and at most 1.
pub fn duplicates(signatures: &[Option<Vec<u32>>], threshold: f64, stop: &Stop) -> Result<Vec<usize>, KernelError> {
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(KernelError::value(format!("threshold={threshold} is out of range: above 0, at most 1")));
    }
    let Some(num_perm) = signatures.iter().flatten().map(Vec::len).next() else { return Ok(Vec::new()) };
    if signatures.iter().flatten().any(|signature| signature.len() != num_perm) {
        return Err(KernelError::value("signatures of different lengths"));
    }
    let mut kept = Kept { bands: Bands::new(num_perm, threshold), threshold, ..Kept::default() };
    for (index, signature) in signatures.iter().enumerate() {
        stop.check()?;
        if let Some(signature) = signature {
            kept.keep_if_new(index, signature);
        }
    }
    Ok(kept.indices)
}

/// The documents kept so far, by their bands.
#[derive(Default)]
struct Kept<'a> {
    bands: Bands,
    threshold: f64,
    indices: Vec<usize>,
    signatures: Vec<&'a [u32]>,
    /// For each kept document the last one it was compared with, so that no two are compared twice.
    compared: Vec<usize>,
    /// The first kept document by its signature's hash.
    equal: HashMap<u64, u32, BuildHasherDefault<IdentityHasher>>,
    /// For each band's key, the first link of the chain of documents that share the band, and the length of the chain.
    crowds: HashMap<u64, (u32, u32), BuildHasherDefault<IdentityHasher>>,
    /// Kept document, next link.
    links: Vec<(u32, u32)>,
}

const END: u32 = u32::MAX;

impl<'a> Kept<'a> {
    fn keep_if_new(&mut self, index: usize, signature: &'a [u32]) {
        let own = hash(signature, 0);
        // The hash has 64 bits, so different signatures hardly ever share one.
        if self.equal.get(&own).is_some_and(|kept| self.signatures.get(*kept as usize) == Some(&signature)) {
            return;
        }
        let keys: Vec<u64> = self.bands.keys(signature).collect();
        if keys.iter().any(|key| self.has_like(*key, index, signature)) {
            return;
        }
        // From four billion kept documents on, all others are kept.
        let Ok(number) = u32::try_from(self.indices.len()) else { return self.indices.push(index) };
        self.indices.push(index);
        self.signatures.push(signature);
        self.compared.push(usize::MAX);
        self.equal.entry(own).or_insert(number);
        for key in keys {
            self.add_to_band(key, number);
        }
    }

    fn has_like(&mut self, key: u64, index: usize, signature: &[u32]) -> bool {
        let mut link = self.crowds.get(&key).map_or(END, |(first, _)| *first);
        while let Some((number, next)) = self.links.get(link as usize).copied() {
            link = next;
            let (Some(other), Some(compared)) =
                (self.signatures.get(number as usize), self.compared.get_mut(number as usize))
            else {
                continue;
            };
            if *compared != index && similarity(signature, other) >= self.threshold {
                return true;
            }
            *compared = index;
        }
        false
    }

    fn add_to_band(&mut self, key: u64, number: u32) {
        let Ok(link) = u32::try_from(self.links.len()) else { return };
        match self.crowds.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert((link, 1));
                self.links.push((number, END));
            }
            Entry::Occupied(mut entry) if entry.get().1 < MAX_CROWD && link != END => {
                let (first, length) = *entry.get();
                entry.insert((link, length + 1));
                self.links.push((number, first));
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// The hasher for keys that are hashes already.
#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = XxHash3_64::oneshot_with_seed(self.0, bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests;
