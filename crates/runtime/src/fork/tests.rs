//! Tests of statics and values across forks.

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
