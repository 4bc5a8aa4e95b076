//! Near duplicates among signatures: which documents to keep.
//!
//! A document is kept unless it is a near duplicate of one kept before it; so the first of each group stays, and a chain
//! of small changes does not swallow its far end. Near is: the estimate of the Jaccard index reaches the threshold.
//!
//! Signatures are compared only where they agree in a whole band of rows (locality-sensitive hashing; Leskovec,
//! Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3). Bands are as wide as they can be for a pair at the
//! threshold to be missed in at most one case of a hundred. Equal signatures are found by a table of their own, always.
//!
//! The time is linear: copies of a document are met in that table, and a band that [`CROWD`] kept documents share takes
//! no more of them, as it says little (a common head or foot); the other bands still tell.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash3_64;

use crate::error::KernelError;
use crate::stop::Stop;

/// Kept documents that are compared with a new one because of one band.
const CROWD: u32 = 512;
/// The share of pairs at the threshold that may be missed.
const MISSED: f64 = 0.01;

/// How signatures are cut into bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let rows = (1..=num_perm).rev().find(|rows| missed(*rows) <= MISSED).unwrap_or(1);
        Self { count: num_perm / rows, rows }
    }

    /// One number for each band; equal if the band is.
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

/// The indices of the documents to keep, in order. A document without a signature (it could not be read) is not among
/// them. Signatures are of one `MinHash`; `threshold` is above 0 and at most 1.
pub fn duplicates(signatures: &[Option<Vec<u32>>], threshold: f64, stop: &Stop) -> Result<Vec<usize>, KernelError> {
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(KernelError::value(format!("threshold={threshold} is out of range: above 0, at most 1")));
    }
    let Some(num_perm) = signatures.iter().flatten().map(Vec::len).next() else { return Ok(Vec::new()) };
    if signatures.iter().flatten().any(|signature| signature.len() != num_perm) {
        return Err(KernelError::value("signatures of different lengths"));
    }
    let mut kept = Kept::new(Bands::new(num_perm, threshold), threshold);
    for (index, signature) in signatures.iter().enumerate() {
        stop.check()?;
        if let Some(signature) = signature {
            kept.offer(index, signature);
        }
    }
    Ok(kept.indices)
}

/// The documents kept so far, and where to find those like a new one.
struct Kept<'a> {
    bands: Bands,
    threshold: f64,
    indices: Vec<usize>,
    signatures: Vec<&'a [u32]>,
    /// The last kept document that a new one was compared with, for each: not to do it twice.
    compared: Vec<usize>,
    /// From a signature's hash to those kept that have it.
    equal: HashMap<u64, u32, BuildHasherDefault<Same>>,
    /// From a band's key to the first link of the chain of those that share it, and its length.
    crowds: HashMap<u64, (u32, u32), BuildHasherDefault<Same>>,
    /// Kept document, next link.
    links: Vec<(u32, u32)>,
}

const END: u32 = u32::MAX;

impl<'a> Kept<'a> {
    fn new(bands: Bands, threshold: f64) -> Self {
        Self {
            bands,
            threshold,
            indices: Vec::new(),
            signatures: Vec::new(),
            compared: Vec::new(),
            equal: HashMap::default(),
            crowds: HashMap::default(),
            links: Vec::new(),
        }
    }

    fn offer(&mut self, index: usize, signature: &'a [u32]) {
        let own = hash(signature, 0);
        // Two signatures of one 64-bit hash would be a wonder; they are compared all the same.
        if self.equal.get(&own).is_some_and(|kept| self.signatures.get(*kept as usize) == Some(&signature)) {
            return;
        }
        let keys: Vec<u64> = self.bands.keys(signature).collect();
        if keys.iter().any(|key| self.has_like(*key, index, signature)) {
            return;
        }
        // Beyond four billion kept documents nothing more is found, and nothing is lost.
        let Ok(number) = u32::try_from(self.indices.len()) else { return self.indices.push(index) };
        self.indices.push(index);
        self.signatures.push(signature);
        self.compared.push(usize::MAX);
        self.equal.entry(own).or_insert(number);
        for key in keys {
            self.join(key, number);
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

    fn join(&mut self, key: u64, number: u32) {
        let Ok(link) = u32::try_from(self.links.len()) else { return };
        match self.crowds.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert((link, 1));
                self.links.push((number, END));
            }
            Entry::Occupied(mut entry) if entry.get().1 < CROWD && link != END => {
                let (first, length) = *entry.get();
                entry.insert((link, length + 1));
                self.links.push((number, first));
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// Keys that are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
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
