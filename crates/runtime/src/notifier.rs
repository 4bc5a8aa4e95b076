//! The notifier: one thread for calls that take the GIL, which would block the reactor.

use std::sync::mpsc::{Sender, channel};

use crate::fork::PerProcess;

type Call = Box<dyn FnOnce() + Send>;

static CURRENT: PerProcess<Sender<Call>> = PerProcess::new();

/// Runs `work` on a new thread: for work that waits for Python code.
pub fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// A handle to the running notifier. Jobs get one when they start, so that the caller sees the error of a thread that
/// cannot be started.
#[derive(Clone, Copy)]
pub struct Notifier(&'static Sender<Call>);

/// The notifier of this process, started at first use. A failed start is tried again at the next call.
pub fn notifier() -> std::io::Result<Notifier> {
    let start = || {
        let (sender, calls) = channel::<Call>();
        // Ends when its sender is dropped: if two threads started one at once, for the slower one.
        spawn_thread("shoal-notify", move || {
            for call in calls {
                // A panic must not end the thread.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
            }
        })?;
        Ok(sender)
    };
    CURRENT.get_or_try_init(start).map(Notifier)
}

impl Notifier {
    /// Runs `call` on the notifier's thread, in the order of the calls.
    pub fn notify(self, call: Call) {
        // Fails only if the thread has ended, which it never does.
        let _ = self.0.send(call);
    }
}
