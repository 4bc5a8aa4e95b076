//! Knows when the process is a forked child, and what of its parent it must leave alone.
//!
//! Threads do not survive `fork`, so whatever belongs to one (reactors, connections, pending jobs) is of no use in the
//! child, and a lock that another thread held at that moment stays locked there for ever. Each such thing remembers the
//! generation it was made in; a child has the next one. [`PerProcess`] is for statics: a child makes its own.
//! [`ForkGuard`] is for values: a child leaks them.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(1);
static REGISTERED: Once = Once::new();

/// Kernels use libraries with process-wide locks (the interned names of HTML, lazily compiled tables): none is held while
/// no task is at work.
extern "C" fn before() {
    super::pool::pause();
}

extern "C" fn in_parent() {
    super::pool::resume();
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    super::finalize::forked();
    super::pool::forked();
}

/// The number of forks between the first use and this process, plus one. A load and no system call (`getpid` costs
/// 50 ns and would be asked per request).
pub fn generation() -> u32 {
    REGISTERED.call_once(|| {
        // SAFETY: the handlers only touch atomics and sleep, which is allowed between fork and exec. They see C-level
        // forks too, which `os.register_at_fork` does not.
        unsafe {
            libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child));
        }
    });
    GENERATION.load(Ordering::Relaxed)
}

/// A static that every process makes for itself at first use, without a lock: one held by another thread at the moment
/// of a fork would stay locked in the child. The parent's value is leaked in the child.
pub struct PerProcess<T: 'static>(AtomicPtr<Made<T>>);

struct Made<T> {
    generation: u32,
    value: T,
}

impl<T> PerProcess<T> {
    /// Not made yet.
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
    /// The value, if this process has made it.
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a box that `get_or_try_init` published. A published box is never freed or written to.
        let made = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        (made.generation == generation()).then_some(&made.value)
    }

    /// The value; where there is none, what `make` gives. Two first users may both make one: that of the second is
    /// dropped.
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&'static T, E> {
        // Before the look: an exchange that fails then is lost to another thread of this process.
        let before = self.0.load(Ordering::Acquire);
        if let Some(known) = self.get() {
            return Ok(known);
        }
        let fresh = Box::into_raw(Box::new(Made { generation: generation(), value: make()? }));
        match self.0.compare_exchange(before, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: published just now, never freed.
            Ok(_) => Ok(unsafe { &(*fresh).value }),
            Err(other) => {
                // SAFETY: `fresh` was not published, nobody else has it.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: whoever changed the pointer published `other`, a box that is never freed.
                Ok(unsafe { &(*other).value })
            }
        }
    }

    /// The same with a value that can always be made.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
        match self.get_or_try_init(|| Ok::<_, std::convert::Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

/// A value that a forked child leaks instead of dropping it: dropped there, a connection would say goodbye on a socket that
/// is still the parent's, and a runtime would wait for a lock that a thread of the parent held.
pub struct ForkGuard<T> {
    generation: u32,
    value: ManuallyDrop<T>,
}

impl<T> ForkGuard<T> {
    /// Belongs to this process.
    pub fn new(value: T) -> Self {
        Self { generation: generation(), value: ManuallyDrop::new(value) }
    }

    /// Whether this is a forked child of the process that the value belongs to.
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
            // SAFETY: dropped here only, once, and not used after.
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
    fn all_first_users_get_the_same_value_and_the_others_are_dropped() {
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
    fn a_guard_drops_what_belongs_to_this_process() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let guard = ForkGuard::new(Counted(&DROPPED));
        assert!(!guard.is_inherited());
        drop(guard);
        assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
    }

    /// Whether `check` holds in a forked child.
    fn holds_in_a_child(check: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child allocates, which the C library allows it, and touches what `check` says; it ends here.
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
    fn a_child_makes_its_own_whatever_is_locked_in_its_parent() {
        static TABLE: PerProcess<Mutex<u32>> = PerProcess::new();
        let table = || TABLE.get_or_init(Mutex::default);
        let mut held = table().lock().unwrap();
        *held = 7;
        assert!(holds_in_a_child(|| TABLE.get().is_none() && table().try_lock().is_ok_and(|number| *number == 0)));
        drop(held);
        assert_eq!(*table().lock().unwrap(), 7);
    }

    #[test]
    fn a_child_drops_nothing_of_its_parent() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let guard = ForkGuard::new(Counted(&DROPPED));
        let check = || {
            let parents = guard.is_inherited();
            drop(guard);
            parents && DROPPED.load(Ordering::SeqCst) == 0
        };
        assert!(holds_in_a_child(check));
    }
}
