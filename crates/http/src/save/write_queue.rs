//! Writes small files one after the other, on one thread while that is fast enough.
//!
//! Threads that create files in the same folder spin on a lock in the kernel: 2,000 files of 10 KB cost 130 µs of CPU
//! each on ext4 with sixteen threads, and 40 µs with one. A busy thread also needs no wake-up for the next file. More
//! threads help only where a file takes long, as on a network.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use shoal_runtime::submit;

/// The wait of the oldest file at which another thread is started.
const MAX_WAIT: Duration = Duration::from_millis(5);

/// The most threads.
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
        let mut state = self.lock();
        let now = Instant::now();
        state.jobs.push_back((now, job));
        let is_late = state.jobs.front().is_some_and(|(since, _)| now.duration_since(*since) > MAX_WAIT);
        let is_needed = state.writers == 0 || (is_late && state.writers < MAX_WRITERS);
        state.writers += usize::from(is_needed);
        is_needed
    }

    fn write(&self) {
        loop {
            let mut state = self.lock();
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Waits for the threads to end, a moment after their last file.
    async fn all_end(queue: &WriteQueue) -> bool {
        for _ in 0..500 {
            if queue.lock().writers == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    async fn peak(each: Duration) -> usize {
        let queue = Arc::new(WriteQueue::default());
        let (active, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut all = tokio::task::JoinSet::new();
        for number in 0..60 {
            let (queue, active, peak) = (queue.clone(), active.clone(), peak.clone());
            all.spawn(async move {
                tokio::time::sleep(Duration::from_millis(number / 4)).await;
                let work = move || {
                    peak.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(each);
                    active.fetch_sub(1, Ordering::SeqCst);
                    number
                };
                assert_eq!(queue.run(work).await, Some(number));
            });
        }
        while let Some(done) = all.join_next().await {
            done.unwrap();
        }
        assert!(all_end(&queue).await);
        peak.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn one_thread_for_fast_files() {
        assert_eq!(peak(Duration::ZERO).await, 1);
    }

    #[tokio::test]
    async fn more_threads_for_slow_files() {
        let peak = peak(Duration::from_millis(50)).await;
        assert!((2..=MAX_WRITERS).contains(&peak), "{peak}");
    }

    #[tokio::test]
    async fn a_panic_fails_one_file() {
        let queue = Arc::new(WriteQueue::default());
        assert_eq!(queue.run(|| -> u8 { panic!("on purpose") }).await, None);
        assert_eq!(queue.run(|| 1).await, Some(1));
        assert!(all_end(&queue).await);
    }
}
