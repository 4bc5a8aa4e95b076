//! Small files are written one after the other, by one thread for as long as that is quick enough.
//!
//! Two threads that make files in the same folder wait for each other in the kernel, spinning: 2,000 files of 10 KB by up
//! to sixteen threads of the blocking pool cost 130 µs of CPU each on ext4, by one thread 40. And a thread that finds the
//! next file waiting need not be woken for it. Only where a file takes long, as on a network, do others help.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use shoal_runtime::submit;

/// A file that has waited for so long gets a thread of its own.
const PATIENCE: Duration = Duration::from_millis(5);

/// The most threads.
const WRITERS: usize = 16;

type Job = Box<dyn FnOnce() + Send>;

/// The files of a client that are to be written.
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

    /// Does `work` on a thread that may wait for files; `None` if it panicked.
    pub async fn run<T: Send + 'static>(self: &Arc<Self>, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        // Through the reactor's intake: it is woken once for all files that are done meanwhile.
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

    /// Whether another thread is needed.
    fn push(&self, job: Job) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        state.jobs.push_back((now, job));
        let late = state.jobs.front().is_some_and(|(since, _)| now.duration_since(*since) > PATIENCE);
        let needed = state.writers == 0 || (late && state.writers < WRITERS);
        state.writers += usize::from(needed);
        needed
    }

    fn write(&self) {
        loop {
            let mut state = self.lock();
            let Some((_, job)) = state.jobs.pop_front() else {
                state.writers -= 1;
                return;
            };
            drop(state);
            // Whoever waits for it learns of a panic by getting nothing.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The threads end a moment after their last file.
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
    async fn one_thread_if_that_is_enough() {
        assert_eq!(peak(Duration::ZERO).await, 1);
    }

    #[tokio::test]
    async fn more_where_a_file_takes_long() {
        let peak = peak(Duration::from_millis(50)).await;
        assert!((2..=WRITERS).contains(&peak), "{peak}");
    }

    #[tokio::test]
    async fn a_panic_is_that_of_one_file() {
        let queue = Arc::new(WriteQueue::default());
        assert_eq!(queue.run(|| -> u8 { panic!("on purpose") }).await, None);
        assert_eq!(queue.run(|| 1).await, Some(1));
        assert!(all_end(&queue).await);
    }
}
