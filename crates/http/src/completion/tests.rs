use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::*;

struct Recorder(Mutex<Sender<u64>>);

impl Waiter for Recorder {
    fn wake(self: Arc<Self>, token: u64) {
        self.0.lock().send(token).unwrap();
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
fn waiters_are_woken_once_unless_they_are_late() {
    let completion = Completion::default();
    let (sender, woken) = channel();
    let waiter: Arc<dyn Waiter> = Arc::new(Recorder(Mutex::new(sender)));
    assert!(completion.watch(waiter.clone(), 1));
    assert!(completion.watch(waiter.clone(), 2));
    completion.settle(()).unwrap();
    assert!(!completion.watch(waiter, 3));
    drop(completion);
    assert_eq!(woken.iter().collect::<Vec<_>>(), [1, 2]);
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
fn a_dropped_promise_settles_as_lost() {
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
