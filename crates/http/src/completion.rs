//! One hand-over from the reactor to whoever waits: a thread, an event loop, or nobody.
//!
//! The value is owned Rust data and moves exactly once. Waiters are told by number through [`Waiter`], so nothing of
//! theirs (a Python future, say) is ever held on the reactor's side.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Someone to wake, by a number of its own choosing. Called from any thread; must not block.
pub trait Waiter: Send + Sync {
    /// The thing waited for under `token` has happened.
    fn wake(self: Arc<Self>, token: u64);
}

/// Those to wake. One place needs no allocation: hardly any completion has more than one waiter.
#[derive(Default)]
struct Waiters {
    first: Option<(Arc<dyn Waiter>, u64)>,
    others: Vec<(Arc<dyn Waiter>, u64)>,
}

impl Waiters {
    fn push(&mut self, waiter: Arc<dyn Waiter>, token: u64) {
        match &self.first {
            None => self.first = Some((waiter, token)),
            Some(_) => self.others.push((waiter, token)),
        }
    }

    fn wake(self) {
        for (waiter, token) in self.first.into_iter().chain(self.others) {
            waiter.wake(token);
        }
    }
}

struct State<T> {
    value: Option<T>,
    waiters: Waiters,
    /// Threads in [`Completion::wait`]. Telling none costs a system call all the same, and a single request that is
    /// awaited has none.
    blocked: usize,
}

/// Pending until [`Completion::settle`]; the first settlement wins.
pub struct Completion<T> {
    done: AtomicBool,
    state: Mutex<State<T>>,
    settled: Condvar,
}

impl<T> Default for Completion<T> {
    fn default() -> Self {
        Self {
            done: AtomicBool::new(false),
            state: Mutex::new(State { value: None, waiters: Waiters::default(), blocked: 0 }),
            settled: Condvar::new(),
        }
    }
}

impl<T> Completion<T> {
    /// Whether a value was set; it may have been taken since.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the value and wakes everyone; gives the value back if there was one before.
    pub fn settle(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.settle_with(|| value.take());
        value.map_or(Ok(()), Err)
    }

    /// Sets what `make` gives, if it gives anything and no value was set before; nobody else can settle meanwhile. Tells
    /// whether it did.
    pub fn settle_with(&self, make: impl FnOnce() -> Option<T>) -> bool {
        self.set(make).map(Waiters::wake).is_some()
    }

    /// Sets the value; gives those to wake, or nothing if the value was not set.
    fn set(&self, make: impl FnOnce() -> Option<T>) -> Option<Waiters> {
        let mut state = self.lock();
        if self.done.load(Ordering::Relaxed) {
            return None;
        }
        state.value = Some(make()?);
        self.done.store(true, Ordering::Release);
        let waiters = std::mem::take(&mut state.waiters);
        let blocked = state.blocked > 0;
        drop(state);
        if blocked {
            self.settled.notify_all();
        }
        Some(waiters)
    }

    /// Takes the value, which only the first caller gets.
    pub fn take(&self) -> Option<T> {
        self.lock().value.take()
    }

    /// The same in a forked child, which never waits: nothing if a thread of the parent was at it at the moment of the fork.
    pub fn take_in_child(&self) -> Option<T> {
        match self.state.try_lock() {
            Ok(mut state) => state.value.take(),
            Err(TryLockError::Poisoned(state)) => state.into_inner().value.take(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Registers a waiter; `false` (and no call, ever) if the value is already set.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        let mut state = self.lock();
        if self.done.load(Ordering::Relaxed) {
            return false;
        }
        state.waiters.push(waiter, token);
        true
    }

    /// Blocks the thread until the value is set or `limit` has passed; tells whether it is set.
    pub fn wait(&self, limit: Duration) -> bool {
        if self.is_done() {
            return true;
        }
        let mut state = self.lock();
        state.blocked += 1;
        let waited = self.settled.wait_timeout_while(state, limit, |_| !self.done.load(Ordering::Relaxed));
        waited.unwrap_or_else(PoisonError::into_inner).0.blocked -= 1;
        self.is_done()
    }
}

/// The reactor's side of a [`Completion`]: dropped without a value (the reactor was shut down, or its task panicked) it
/// settles with what `lost` makes of whether there was a panic. Without one the process is about to end: blocked threads
/// are let go, but nobody else is woken up to a loss.
pub struct Promise<T> {
    completion: Arc<Completion<T>>,
    lost: Option<fn(bool) -> T>,
}

impl<T> Promise<T> {
    /// Promises to settle `completion`.
    pub fn new(completion: Arc<Completion<T>>, lost: fn(bool) -> T) -> Self {
        Self { completion, lost: Some(lost) }
    }

    /// Keeps the promise; if something else settled first the value is dropped.
    pub fn settle(mut self, value: T) {
        self.lost = None;
        drop(self.completion.settle(value));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(lost) = self.lost {
            let panicking = std::thread::panicking();
            let waiters = self.completion.set(|| Some(lost(panicking))).unwrap_or_default();
            if panicking {
                waiters.wake();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::*;

    struct Tell(Mutex<Sender<u64>>);

    impl Waiter for Tell {
        fn wake(self: Arc<Self>, token: u64) {
            self.0.lock().unwrap().send(token).unwrap();
        }
    }

    #[test]
    fn the_first_settlement_wins_and_moves_once() {
        let completion = Completion::default();
        assert!(!completion.is_done());
        assert_eq!(completion.settle(1), Ok(()));
        assert_eq!(completion.settle(2), Err(2));
        assert_eq!(completion.take(), Some(1));
        assert_eq!(completion.take(), None);
        assert!(completion.is_done());
        assert_eq!(completion.settle(3), Err(3));
    }

    #[test]
    fn waiters_are_told_once_unless_they_came_late() {
        let completion = Completion::default();
        let (sender, told) = channel();
        let waiter: Arc<dyn Waiter> = Arc::new(Tell(Mutex::new(sender)));
        assert!(completion.watch(waiter.clone(), 1));
        assert!(completion.watch(waiter.clone(), 2));
        completion.settle(()).unwrap();
        assert!(!completion.watch(waiter, 3));
        drop(completion);
        assert_eq!(told.iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_thread_waits_for_the_value_or_its_limit() {
        let completion = Arc::new(Completion::default());
        assert!(!completion.wait(Duration::from_millis(5)));
        let settler = completion.clone();
        let thread = thread::spawn(move || settler.settle(7));
        assert!(completion.wait(Duration::from_secs(10)));
        assert_eq!(completion.take(), Some(7));
        assert_eq!(thread.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_dropped_promise_settles_as_lost_and_knows_a_panic() {
        let completion = Arc::new(Completion::default());
        drop(Promise::new(completion.clone(), |panicking| (panicking, "lost")));
        assert_eq!(completion.take(), Some((false, "lost")));
        let kept = Arc::new(Completion::default());
        Promise::new(kept.clone(), |_| "lost").settle("kept");
        assert_eq!(kept.take(), Some("kept"));
        let panicked = Arc::new(Completion::default());
        let promise = Promise::new(panicked.clone(), |panicking| panicking);
        let thread = thread::spawn(move || {
            let _held = promise;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(thread.join().is_err());
        assert_eq!(panicked.take(), Some(true));
    }
}
