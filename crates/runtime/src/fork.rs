//! Forks: statics and values that a forked child does not share with its parent.
//!
//! Threads do not survive `fork`. In the child, everything that belongs to one (reactors, connections, pending jobs) is
//! dead, and a lock that another thread held at that moment stays locked for ever. So each such thing remembers the
//! fork generation in which it was made. [`PerProcess`] is for statics: a child makes its own. [`ForkGuard`] is for
//! values: a child leaks them.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use crate::activity::{after_fork_in_parent, before_fork, reset_in_child};

static GENERATION: AtomicU32 = AtomicU32::new(1);
static REGISTERED: Once = Once::new();

extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    reset_in_child();
}

/// The fork generation of this process: 1, and one more for each fork between the first use and this process. It costs
/// one load; `getpid` is a system call of 50 ns, which would be made per request.
pub fn generation() -> u32 {
    REGISTERED.call_once(|| {
        // SAFETY: the three handlers are functions without captures that live as long as the process. They only touch
        // atomics and sleep, which is allowed between fork and exec. Unlike `os.register_at_fork` they also see forks of
        // C code.
        unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child));
        }
    });
    GENERATION.load(Ordering::Relaxed)
}

/// A static that each process initialises at first use, without a lock, because a lock that another thread holds during
/// a fork stays locked in the child. A child leaks its parent's value.
pub struct PerProcess<T: 'static>(AtomicPtr<Made<T>>);

struct Made<T> {
    generation: u32,
    value: T,
}

impl<T> PerProcess<T> {
    /// Not initialised.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + Sync> PerProcess<T> {
    /// The value, if this process has initialised it.
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: the pointer is null or was published by `get_or_try_init`, the only function that stores here. A
        // published box is never freed or written to.
        let made = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        (made.generation == generation()).then_some(&made.value)
    }

    /// The value, initialised by `make` if there is none. Of two threads that initialise it at once, the slower one
    /// drops its own value and gets the other's.
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&'static T, E> {
        // Loaded before the check: if the exchange below fails, another thread of this process has published a value.
        let before = self.0.load(Ordering::Acquire);
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let fresh = Box::into_raw(Box::new(Made { generation: generation(), value: make()? }));
        let published = match self.0.compare_exchange(before, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            Err(other) => {
                // SAFETY: `fresh` comes from `Box::into_raw`, and as the exchange failed no other thread has seen it.
                drop(unsafe { Box::from_raw(fresh) });
                other
            }
        };
        // SAFETY: `published` is not null: it is `fresh`, or differs from `before` because another thread published it.
        // A published box is never freed or written to.
        Ok(unsafe { &(*published).value })
    }

    /// [`Self::get_or_try_init`] for a `make` that cannot fail.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
        match self.get_or_try_init(|| Ok::<_, std::convert::Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

/// A value that a forked child leaks instead of dropping it: there, a dropped connection would say goodbye on a socket
/// that is still the parent's, and a dropped runtime would wait for a lock that a thread of the parent held.
pub struct ForkGuard<T> {
    generation: u32,
    value: ManuallyDrop<T>,
}

impl<T> ForkGuard<T> {
    /// A value of this process.
    pub fn new(value: T) -> Self {
        Self { generation: generation(), value: ManuallyDrop::new(value) }
    }

    /// Whether this process is a forked child of the one that made the value.
    pub fn is_inherited(&self) -> bool {
        self.generation != generation()
    }
}

impl<T> Deref for ForkGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for ForkGuard<T> {
    fn drop(&mut self) {
        if !self.is_inherited() {
            // SAFETY: `drop` runs once, nothing else drops the value, and `self` is gone afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    struct Counted(&'static AtomicUsize);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn racing_threads_get_one_value_and_drop_the_others() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        static MADE: AtomicUsize = AtomicUsize::new(0);
        static VALUE: PerProcess<Counted> = PerProcess::new();
        assert!(VALUE.get().is_none());
        assert_eq!(VALUE.get_or_try_init(|| Err("no")).err(), Some("no"));
        fn make() -> Counted {
            MADE.fetch_add(1, Ordering::SeqCst);
            thread::yield_now();
            Counted(&DROPPED)
        }
        let get = || ptr::from_ref(VALUE.get_or_init(make)).addr();
        let users: Vec<_> = (0..8).map(|_| thread::spawn(get)).collect();
        let got: Vec<_> = users.into_iter().map(|user| user.join().unwrap()).collect();
        assert!(got.iter().all(|value| *value == get()));
        assert_eq!(DROPPED.load(Ordering::SeqCst) + 1, MADE.load(Ordering::SeqCst));
    }

    #[test]
    fn a_guard_drops_a_value_of_this_process() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let guard = ForkGuard::new(Counted(&DROPPED));
        assert!(!guard.is_inherited());
        drop(guard);
        assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
    }

    /// Whether `check` is true in a forked child.
    fn holds_in_a_child(check: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child runs `check`, which uses atomics and the allocator (whose locks the C library resets in a
        // child), and ends in `_exit`. `status` is a valid place for the parent's `waitpid`.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(i32::from(!check()));
            }
            let mut status = 0;
            child > 0 && libc::waitpid(child, &raw mut status, 0) == child && status == 0
        }
    }

    #[test]
    fn a_child_initialises_its_own_value_while_the_parents_is_locked() {
        static TABLE: PerProcess<Mutex<u32>> = PerProcess::new();
        let table = || TABLE.get_or_init(Mutex::default);
        let mut locked = table().lock().unwrap();
        *locked = 7;
        assert!(holds_in_a_child(|| TABLE.get().is_none() && table().try_lock().is_ok_and(|number| *number == 0)));
        drop(locked);
        assert_eq!(*table().lock().unwrap(), 7);
    }

    #[test]
    fn a_child_leaks_a_value_of_its_parent() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let guard = ForkGuard::new(Counted(&DROPPED));
        let check = || {
            let inherited = guard.is_inherited();
            drop(guard);
            inherited && DROPPED.load(Ordering::SeqCst) == 0
        };
        assert!(holds_in_a_child(check));
    }
}
