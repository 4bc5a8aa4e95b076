//! What the reactor does at the end of a turn, when nothing is ready any more and it is about to sleep.
//!
//! A turn ends several requests as a rule. Whoever waits for them is woken once, for all of them, and not as soon as the
//! first one is there: waking a thread takes as long as half a request.

use std::cell::RefCell;
use std::sync::Arc;

/// Someone to tell at the end of the turn.
pub trait AtEnd: Send + Sync {
    /// The turn has ended. Called on the reactor's thread; must not block.
    fn turn_ended(&self);
}

thread_local! {
    /// On the reactor's thread only.
    static TOLD: RefCell<Option<Vec<Arc<dyn AtEnd>>>> = const { RefCell::new(None) };
}

/// Tells `whom` at the end of the turn, or at once if this is not the reactor's thread.
pub fn at_end(whom: Arc<dyn AtEnd>) {
    let at_once = TOLD.with_borrow_mut(|told| match told {
        Some(told) => {
            told.push(whom);
            None
        }
        None => Some(whom),
    });
    if let Some(whom) = at_once {
        whom.turn_ended();
    }
}

/// This is the reactor's thread.
pub(super) fn begin() {
    TOLD.set(Some(Vec::new()));
}

/// The reactor is about to sleep.
pub(super) fn end() {
    let mut ended = TOLD.with_borrow_mut(|told| told.as_mut().map(std::mem::take)).unwrap_or_default();
    ended.drain(..).for_each(|whom| whom.turn_ended());
    // The room is used again.
    TOLD.with_borrow_mut(|told| {
        if let Some(told) = told
            && told.is_empty()
        {
            *told = ended;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl AtEnd for Count {
        fn turn_ended(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn at_the_end_on_the_reactor_and_at_once_elsewhere() {
        let count = Arc::new(Count::default());
        let told = || count.0.load(Ordering::Relaxed);
        at_end(count.clone());
        assert_eq!(told(), 1);
        begin();
        at_end(count.clone());
        at_end(count.clone());
        assert_eq!(told(), 1);
        end();
        assert_eq!(told(), 3);
        end();
        assert_eq!(told(), 3);
    }
}
