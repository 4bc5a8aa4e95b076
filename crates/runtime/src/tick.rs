//! Callbacks at the end of a tick of the reactor, after all tasks that were ready have run.
//!
//! One tick usually completes several requests. Their consumer is woken once at its end instead of once per request:
//! waking a thread takes as long as half a request.
//!
//! The end is a task which goes to the back of the run queue when the first callback is registered. (The reactor's going
//! to sleep would be later, but does not happen while it is busy.)

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// A callback for the end of a tick.
pub trait OnTickEnd: Send + Sync {
    /// Called on the reactor's thread at the end of the tick. Must not block.
    fn on_tick_end(&self);
}

struct Tick {
    callbacks: Vec<Arc<dyn OnTickEnd>>,
    /// Wakes the task of [`run`].
    end: Waker,
}

thread_local! {
    /// Set on the reactor's thread only.
    static TICK: RefCell<Option<Tick>> = const { RefCell::new(None) };
}

/// Calls `callback` at the end of this tick; at once on any other thread than the reactor's.
pub fn at_tick_end(callback: Arc<dyn OnTickEnd>) {
    let immediate = TICK.with_borrow_mut(|tick| match tick {
        Some(tick) => {
            if tick.callbacks.is_empty() {
                tick.end.wake_by_ref();
            }
            tick.callbacks.push(callback);
            None
        }
        None => Some(callback),
    });
    if let Some(callback) = immediate {
        callback.on_tick_end();
    }
}

/// The task that ends ticks, for as long as the reactor runs.
pub(crate) async fn run() -> Infallible {
    let _guard = LastTick;
    std::future::poll_fn(|context| {
        finish(TICK.replace(Some(Tick { callbacks: Vec::new(), end: context.waker().clone() })));
        Poll::Pending
    })
    .await
}

fn finish(tick: Option<Tick>) {
    tick.into_iter().flat_map(|tick| tick.callbacks).for_each(|callback| callback.on_tick_end());
}

/// Ends the last tick when the reactor drops the task.
struct LastTick;

impl Drop for LastTick {
    fn drop(&mut self) {
        finish(TICK.take());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
