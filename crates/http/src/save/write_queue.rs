//! Writes small files one after the other, on one thread while that is fast enough.
//!
//! Threads that create files in the same folder spin on a lock in the kernel: 2,000 files of 10 KB cost 130 µs of CPU
//! each on ext4 with sixteen threads, and 40 µs with one. A busy thread also needs no wake-up for the next file. More
//! threads help only where a file takes long, as on a network.

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use shoal_runtime::{Mutex, submit};

/// The wait of the oldest file at which another thread is started.
const MAX_WAIT: Duration = Duration::from_millis(5);

const MAX_WRITERS: usize = 16;

type Job = Box<dyn FnOnce() + Send>;

/// The files of a client that wait to be written.
#[derive(Default)]
pub struct WriteQueue(Mutex<State>);

#[derive(Default)]
struct State {
    jobs: VecDeque<(Instant, Job)>,
    writers: usize,
}

impl WriteQueue {
    /// Runs `work` on a thread that may block on files; `None` if it panicked.
    pub async fn run<T: Send + 'static>(self: &Arc<Self>, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        // Sent through `submit`, which wakes the reactor once for all files that finish meanwhile.
        let job = Box::new(move || {
            let outcome = work();
            let _ = submit(Box::new(move || drop(done.send(outcome))));
        });
        if self.push(job) {
            let queue = self.clone();
            spawn_blocking(move || queue.write());
        }
        result.await.ok()
    }

    /// Adds a file; returns whether to start another thread.
    fn push(&self, job: Job) -> bool {
        let mut state = self.0.lock();
        let now = Instant::now();
        state.jobs.push_back((now, job));
        let is_late = state.jobs.front().is_some_and(|(since, _)| now.duration_since(*since) > MAX_WAIT);
        let is_needed = state.writers == 0 || (is_late && state.writers < MAX_WRITERS);
        state.writers += usize::from(is_needed);
        is_needed
    }

    fn write(&self) {
        loop {
            let mut state = self.0.lock();
            let Some((_, job)) = state.jobs.pop_front() else {
                state.writers -= 1;
                return;
            };
            drop(state);
            // After a panic the receiver in `run` gets no result.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}
