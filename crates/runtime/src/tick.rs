//! What the reactor does at the end of a turn, when all that was ready has been done.
//!
//! A turn ends several requests as a rule. Whoever waits for them is woken once, for all of them, and not as soon as the
//! first one is there: waking a thread takes as long as half a request.
//!
//! The end is a task: when the first one asks, it goes to the end of the queue. (The reactor's going to sleep would be a
//! later end, but one that does not come while it has enough to do.)

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Someone to tell at the end of the turn.
pub trait OnTickEnd: Send + Sync {
    /// The turn has ended. Called on the reactor's thread; must not block.
    fn on_tick_end(&self);
}

struct Turn {
    told: Vec<Arc<dyn OnTickEnd>>,
    end: Waker,
}

thread_local! {
    /// On the reactor's thread only.
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// Tells `whom` at the end of the turn, or at once if this is not the reactor's thread.
pub fn at_tick_end(whom: Arc<dyn OnTickEnd>) {
    let at_once = TURN.with_borrow_mut(|turn| match turn {
        Some(turn) => {
            if turn.told.is_empty() {
                turn.end.wake_by_ref();
            }
            turn.told.push(whom);
            None
        }
        None => Some(whom),
    });
    if let Some(whom) = at_once {
        whom.on_tick_end();
    }
}

/// Ends one turn after the other, for ever.
pub(super) async fn run() -> Infallible {
    let _gone = Gone;
    std::future::poll_fn(|context| {
        let begun = Turn { told: Vec::new(), end: context.waker().clone() };
        end(TURN.replace(Some(begun)));
        Poll::Pending
    })
    .await
}

fn end(turn: Option<Turn>) {
    turn.into_iter().flat_map(|turn| turn.told).for_each(|whom| whom.on_tick_end());
}

/// There are no turns any more.
struct Gone;

impl Drop for Gone {
    fn drop(&mut self) {
        end(TURN.take());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl OnTickEnd for Count {
        fn on_tick_end(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn at_the_end_on_the_reactor_and_at_once_elsewhere() {
        let count = Arc::new(Count::default());
        let told = || count.0.load(Ordering::Relaxed);
        at_tick_end(count.clone());
        assert_eq!(told(), 1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let turns = runtime.spawn(run());
        runtime.block_on(async {
            tokio::task::yield_now().await;
            for told_before in [1, 3] {
                at_tick_end(count.clone());
                at_tick_end(count.clone());
                assert_eq!(told(), told_before);
                // However much there is to do.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                assert_eq!(told(), told_before + 2);
            }
            at_tick_end(count.clone());
            turns.abort();
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        assert_eq!(told(), 6);
        at_tick_end(count.clone());
        assert_eq!(told(), 7);
    }
}
