//! Working memory that is dear to make and may be used again: a compressor's tables, a search's automaton.
//!
//! It belongs to the batch, not to the thread, so that nothing of it stays behind in the pool's threads. A lock is taken
//! twice for a document, and never waited for while one works.

use std::sync::{Mutex, PoisonError};

/// What is not in use at the moment; never more than threads have worked at once.
#[derive(Debug)]
pub struct ObjectPool<T>(Mutex<Vec<T>>);

impl<T> Default for ObjectPool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> ObjectPool<T> {
    /// Calls `work` with a spare one, or a new one. What a failed or panicked call has used is thrown away.
    pub fn with<R, E>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut one = spare.unwrap_or_else(make);
        let result = work(&mut one)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        Ok(result)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_worked_is_used_again() {
        let spares = ObjectPool::default();
        for expected in [1, 2, 3] {
            let count = spares.with(
                || 0,
                |count| -> Result<u32, ()> {
                    *count += 1;
                    Ok(*count)
                },
            );
            assert_eq!(count, Ok(expected));
        }
        assert_eq!(spares.with(|| 0, |_| Err::<(), &str>("no")), Err("no"));
        assert_eq!(spares.with(|| 7, |count| Ok::<_, ()>(*count)), Ok(7));
    }
}
