//! The way in from other threads: one wake-up of the reactor for all that comes at once.
//!
//! `Handle::spawn` from another thread writes to the reactor's eventfd each time, also when it is awake or has been told
//! already: a system call, and often a context switch, for each of the hundred requests that a turn of an event loop
//! starts.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Something short to do on the reactor's thread.
pub type Work = Box<dyn FnOnce() + Send>;

/// What waits to be taken in.
#[derive(Default)]
pub struct Intake(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Work>,
    /// Of [`Intake::run`], while it sleeps.
    waker: Option<Waker>,
    closed: bool,
}

impl Intake {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `work` done soon, or drops it if there is nobody left to do it.
    pub fn put(&self, work: Work) {
        let mut queue = self.lock();
        if queue.closed {
            drop(queue);
            return drop(work);
        }
        queue.waiting.push(work);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Does the work, for ever.
    pub async fn run(self: Arc<Self>) {
        let open = Open(self);
        loop {
            let waiting = std::future::poll_fn(|context| {
                let mut queue = open.0.lock();
                if queue.waiting.is_empty() {
                    queue.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(std::mem::take(&mut queue.waiting))
            });
            for work in waiting.await {
                // One that panics must not end the others.
                let _ = std::panic::catch_unwind(AssertUnwindSafe(work));
            }
        }
    }
}

/// Closes the intake when the reactor drops its task.
struct Open(Arc<Intake>);

impl Drop for Open {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        let unused = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(unused);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn everything_is_done_in_order_whatever_panics_and_dropped_once_closed() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let intake = Arc::new(Intake::default());
        let (sender, done) = channel();
        let put = |number: u32| {
            let sender = sender.clone();
            intake.put(Box::new(move || sender.send(number).unwrap()));
        };
        put(1);
        let running = runtime.spawn(intake.clone().run());
        assert_eq!(done.recv_timeout(Duration::from_secs(10)), Ok(1));
        intake.put(Box::new(|| std::panic::resume_unwind(Box::new("on purpose"))));
        (2..100).for_each(put);
        for number in 2..100 {
            assert_eq!(done.recv_timeout(Duration::from_secs(10)), Ok(number));
        }
        running.abort();
        assert!(runtime.block_on(running).unwrap_err().is_cancelled());
        put(100);
        drop(sender);
        assert!(done.recv().is_err());
    }
}
