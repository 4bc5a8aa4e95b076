//! One lazy thread for calls that must not run on the reactor: those that take the GIL.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::fork;

type Call = Box<dyn FnOnce() + Send>;

struct Notifier {
    generation: u32,
    calls: Mutex<Sender<Call>>,
}

static CURRENT: AtomicPtr<Notifier> = AtomicPtr::new(std::ptr::null_mut());

/// Runs `call` on the notifier's thread, in the order of the calls. A thread that can't be started loses them: there is
/// nobody to tell.
pub fn notify(call: Call) {
    let generation = fork::generation();
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: a published notifier is never freed.
    if let Some(notifier) = unsafe { current.as_ref() }
        && notifier.generation == generation
    {
        let _ = notifier.calls.lock().unwrap_or_else(PoisonError::into_inner).send(call);
        return;
    }
    let (sender, calls) = channel::<Call>();
    let fresh = Box::into_raw(Box::new(Notifier { generation, calls: Mutex::new(sender) }));
    if CURRENT.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: `fresh` was not published, nobody else has it.
        drop(unsafe { Box::from_raw(fresh) });
        return notify(call);
    }
    let run = move || {
        for call in calls {
            // A call that panics must not end the thread for the others.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
        }
    };
    if std::thread::Builder::new().name("shoal-notify".into()).spawn(run).is_ok() {
        notify(call);
    }
}
