//! JSON Pointers (RFC 6901): `/resultSets/0/rowSet`; and which of them have matched in any document of a call: one that
//! never does is most likely misspelt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The place of a value in a document, as a list of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// `""` is the whole document; otherwise each step follows a slash, with `~1` for a slash and `~0` for a tilde in a
    /// name. A step is a name in objects and an index, from 0, in arrays.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(steps) = text.strip_prefix('/') else {
            return Err(format!("{text:?} is not a JSON Pointer: it must be empty or start with '/'"));
        };
        let steps = steps.split('/').map(|step| {
            let valid = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            match valid {
                true => Ok(step.replace("~1", "/").replace("~0", "~")),
                false => Err(format!("{text:?} is not a JSON Pointer: '~' must be followed by 0 or 1")),
            }
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The member `name` of the object that this place is in; the root is in none.
    pub(super) fn beside(&self, name: &str) -> Option<Self> {
        let (_, parents) = self.steps.split_last()?;
        Some(Self { steps: parents.iter().cloned().chain([name.to_owned()]).collect() })
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.steps.iter().try_for_each(|step| write!(out, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

/// The step as an index of an array: a number without leading zeros.
pub(super) fn place(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    plain.then(|| step.parse().ok()).flatten()
}

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

#[cfg(test)]
mod tests;
