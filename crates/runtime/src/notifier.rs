//! One lazy thread for calls that must not run on the reactor: those that take the GIL.

use std::sync::mpsc::{Sender, channel};

use super::fork::PerProcess;

type Call = Box<dyn FnOnce() + Send>;

static CURRENT: PerProcess<Sender<Call>> = PerProcess::new();

/// Runs `work` on a thread of its own: for work that waits for Python code and must not stand in the reactor's way.
pub fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// The notifier's thread, which runs. Whoever will have something to tell asks for it first, where a thread that can't be
/// started is an error somebody sees; the next one who asks tries again.
#[derive(Clone, Copy)]
pub struct Notifier(&'static Sender<Call>);

/// The notifier of this process, started at first use.
pub fn notifier() -> std::io::Result<Notifier> {
    let start = || {
        let (sender, calls) = channel::<Call>();
        // Ends where another first user was quicker, and with it the sender goes.
        spawn_thread("shoal-notify", move || {
            for call in calls {
                // A call that panics must not end the thread for the others.
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
        // Fails for a thread that has ended, which the notifier's never does.
        let _ = self.0.send(call);
    }
}
