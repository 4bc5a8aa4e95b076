//! Runs a kernel over a batch of documents on the pool, in slices.
//!
//! A batch has up to `workers` runners. Each claims the next few documents, about a millisecond's worth, so that claiming
//! costs nothing and the last ones are shared fairly. After [`SLICE`] it gives back what it has not begun and goes to the
//! back of the pool's queue: other batches get in, and a cancelled one lets go of the pool. Each runner has a lane for
//! its results, so that nobody waits for a lock and what is finished can be taken at any moment.
//!
//! The last runner to stop makes the result of what was gathered, also on the pool. A cancellation takes what is
//! finished and waits for nobody; the documents are let go of when the last runner has seen it.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::document::{BufferGuard, Document};
use super::error::{ErrorKind, KernelError};
use super::stop::Stop;
use shoal_runtime::cpu_placement::CpuPlacement;
use shoal_runtime::{RuntimeError, is_exiting, panic_message, pool};

/// How long a runner keeps a thread of the pool. Going to the back of the queue costs about a microsecond.
const SLICE: Duration = Duration::from_millis(5);

/// What a claim of documents should take.
const CLAIM: Duration = Duration::from_millis(1);

/// Looks at the clock in a claim, and documents between two of them, at most: it takes 25 ns, a short document 40.
const LOOKS: usize = 16;

/// Documents that are claimed at once, at most.
const MOST: usize = 4096;

/// How a batch is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads at once; 1 or more.
    pub workers: usize,
    /// Keep going when a document fails.
    pub keep_going: bool,
}

/// What came of one document.
pub type Outcome<T> = Result<T, KernelError>;

/// Outcomes of documents that follow each other.
#[derive(Debug)]
pub struct Block<T> {
    /// The index of the first.
    pub start: usize,
    /// In order.
    pub outcomes: Vec<Outcome<T>>,
}

/// A batch that ended, well or not.
#[derive(Debug)]
pub struct Gathered<T> {
    /// In order; there are gaps where a batch ended early.
    pub blocks: Vec<Block<T>>,
    /// How many documents there were.
    pub total: usize,
    /// The failure that ended the batch, unless it was to keep going.
    pub failure: Option<(usize, KernelError)>,
}

/// Figures of a batch.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Documents with a result.
    pub ok: u64,
    /// Documents that failed, by kind of failure.
    pub failed: Vec<(ErrorKind, u64)>,
    /// From the start to the end, or to now.
    pub wall: Duration,
    /// Time on threads of the pool, all together.
    pub busy: Duration,
}

/// What one runner has done. Its lock is taken by others only to look at the figures and to end the batch.
struct Lane<T> {
    blocks: Vec<Block<T>>,
    finished: usize,
    failed: Vec<(ErrorKind, u64)>,
}

struct End {
    failure: Option<(usize, KernelError)>,
    taken: bool,
    wall: Option<Duration>,
}

/// A batch under way; what the job keeps of it.
pub struct Batch<T> {
    total: usize,
    keep_going: bool,
    /// No more documents: one failed, or nobody waits any more.
    stop: Stop,
    /// Nobody waits any more: not for what the end makes of the results, either.
    cancelled: Stop,
    next: AtomicUsize,
    /// Claimed and not begun: slices that ended early.
    returned: Mutex<Vec<Range<usize>>>,
    /// Apart from each other: where two share a cache line, every document takes 80 ns more.
    lanes: Box<[CachePadded<Mutex<Lane<T>>>]>,
    placement: CpuPlacement,
    end: Mutex<End>,
    busy: AtomicU64,
    started: Instant,
}

/// What the runners share. Gone, and with it the documents, when the last of them has stopped.
struct Run<T, K, F> {
    batch: Arc<Batch<T>>,
    kernel: K,
    documents: Vec<Document>,
    finish: Mutex<Option<F>>,
    active: AtomicUsize,
    _lease: BufferGuard,
}

impl<T: Send + 'static> Batch<T> {
    /// Starts `kernel` over `documents`. What is gathered goes to `finish`, on the pool, unless the batch is cancelled.
    /// `lease` is dropped after the last look at a document.
    pub fn start<K, F>(
        documents: Vec<Document>,
        lease: BufferGuard,
        options: Options,
        kernel: K,
        finish: F,
    ) -> Result<Arc<Self>, RuntimeError>
    where
        K: Fn(&Document, &Stop) -> Outcome<T> + Send + Sync + 'static,
        F: FnOnce(Gathered<T>, &Stop) + Send + 'static,
    {
        // An empty batch ends on the pool, too.
        let workers = options.workers.min(documents.len()).max(1);
        let lane = || CachePadded::new(Mutex::new(Lane { blocks: Vec::new(), finished: 0, failed: Vec::new() }));
        let batch = Arc::new(Self {
            total: documents.len(),
            keep_going: options.keep_going,
            stop: Stop::default(),
            cancelled: Stop::default(),
            next: AtomicUsize::new(0),
            returned: Mutex::default(),
            lanes: std::iter::repeat_with(lane).take(workers).collect(),
            placement: CpuPlacement::new(workers),
            end: Mutex::new(End { failure: None, taken: false, wall: None }),
            busy: AtomicU64::new(0),
            started: Instant::now(),
        });
        let run = Arc::new(Run {
            batch: batch.clone(),
            kernel,
            documents,
            finish: Mutex::new(Some(finish)),
            active: AtomicUsize::new(workers),
            _lease: lease,
        });
        for lane in 0..workers {
            let run = run.clone();
            pool::spawn(move || run.begin(lane))?;
        }
        Ok(batch)
    }

    /// Stops the work and takes what is finished; nothing if the end has it already.
    pub fn cancel(&self) -> Option<Gathered<T>> {
        self.stop.set();
        self.cancelled.set();
        self.take()
    }

    /// How many documents are finished, and of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.lanes.iter().map(|lane| lock(lane).finished).sum(), self.total)
    }

    /// What has happened so far.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures {
            wall: lock(&self.end).wall.unwrap_or_else(|| self.started.elapsed()),
            busy: Duration::from_nanos(self.busy.load(Ordering::Relaxed)),
            ..Figures::default()
        };
        for lane in &self.lanes {
            let lane = lock(lane);
            let failures = lane.failed.iter().map(|(_, count)| count).sum::<u64>();
            figures.ok += u64::try_from(lane.finished).unwrap_or(u64::MAX).saturating_sub(failures);
            for (kind, count) in &lane.failed {
                add(&mut figures.failed, kind, *count);
            }
        }
        figures
    }

    /// The next few documents, as a range of indexes.
    fn claim(&self, count: usize) -> Option<Range<usize>> {
        if self.stop.is_set() || is_exiting() {
            return None;
        }
        let start = self.next.load(Ordering::Relaxed);
        if start < self.total {
            let start = self.next.fetch_add(count, Ordering::Relaxed);
            if start < self.total {
                return Some(start..start.saturating_add(count).min(self.total));
            }
        }
        lock(&self.returned).pop()
    }

    fn spent(&self, time: Duration) {
        self.busy.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Documents for the next claim, by what the last ones took; fewer towards the end.
    fn next_count(&self, done: usize, spent: Duration) -> usize {
        let each = spent.as_nanos() / u128::try_from(done.max(1)).unwrap_or(1);
        let timely = CLAIM.as_nanos().checked_div(each).and_then(|count| usize::try_from(count).ok());
        let left = self.total.saturating_sub(self.next.load(Ordering::Relaxed));
        timely.unwrap_or(MOST).min(left / (2 * self.lanes.len())).clamp(1, MOST)
    }

    fn put(&self, lane: usize, index: usize, outcome: Outcome<T>, rest: usize) {
        let failure = outcome.as_ref().err().cloned();
        if let Some(lane) = self.lanes.get(lane) {
            let mut lane = lock(lane);
            lane.finished += 1;
            if let Some(failure) = &failure {
                add(&mut lane.failed, &failure.kind, 1);
            }
            match lane.blocks.last_mut() {
                Some(block) if block.start + block.outcomes.len() == index => block.outcomes.push(outcome),
                _ => {
                    let mut outcomes = Vec::with_capacity(1 + rest);
                    outcomes.push(outcome);
                    lane.blocks.push(Block { start: index, outcomes });
                }
            }
        }
        if let Some(failure) = failure
            && !self.keep_going
        {
            lock(&self.end).failure.get_or_insert((index, failure));
            self.stop.set();
        }
    }

    /// What is finished: for the first who asks.
    fn take(&self) -> Option<Gathered<T>> {
        let failure = {
            let mut end = lock(&self.end);
            if std::mem::replace(&mut end.taken, true) {
                return None;
            }
            end.wall = Some(self.started.elapsed());
            end.failure.take()
        };
        let mut blocks: Vec<_> = self.lanes.iter().flat_map(|lane| std::mem::take(&mut lock(lane).blocks)).collect();
        blocks.sort_unstable_by_key(|block| block.start);
        Some(Gathered { blocks, total: self.total, failure })
    }
}

impl<T, K, F> Run<T, K, F>
where
    T: Send + 'static,
    K: Fn(&Document, &Stop) -> Outcome<T> + Send + Sync + 'static,
    F: FnOnce(Gathered<T>, &Stop) + Send + 'static,
{
    /// The first turn of a runner.
    fn begin(self: Arc<Self>, lane: usize) {
        // Not where the others have done everything meanwhile.
        if self.batch.next.load(Ordering::Relaxed) < self.batch.total {
            self.batch.placement.place(lane);
        }
        self.slice(lane, 1);
    }

    /// Puts a runner at the back of the pool's queue.
    fn go_on(self: Arc<Self>, lane: usize, count: usize) -> Result<(), RuntimeError> {
        pool::spawn(move || self.slice(lane, count))
    }

    /// One turn of a runner, which claims `count` documents at first.
    fn slice(self: Arc<Self>, lane: usize, mut count: usize) {
        let start = Instant::now();
        let mut before = start;
        while let Some(mut range) = self.batch.claim(count) {
            let claimed = range.start;
            let look = (range.len() / LOOKS).clamp(1, LOOKS);
            while let Some(index) = range.next() {
                if !self.document(lane, index, range.len()) {
                    break;
                }
                let due = pool::is_fork_pending() || (range.len() % look == 0 && start.elapsed() >= SLICE);
                if due && !range.is_empty() {
                    lock(&self.batch.returned).push(range.clone());
                    break;
                }
            }
            let now = Instant::now();
            count = self.batch.next_count(range.start - claimed, now - before);
            before = now;
            if now - start >= SLICE || pool::is_fork_pending() {
                self.batch.spent(now - start);
                // At exit the pool takes nothing more, and everything stays as it is.
                let _ = self.go_on(lane, count);
                return;
            }
        }
        self.batch.spent(start.elapsed());
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.end();
        }
    }

    /// Does one document, which `rest` of the same claim follow; `false` if the batch is over.
    fn document(&self, lane: usize, index: usize, rest: usize) -> bool {
        let Some(document) = self.documents.get(index).filter(|_| !self.batch.stop.is_set() && !is_exiting()) else {
            return false;
        };
        let run = || (self.kernel)(document, &self.batch.stop);
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)));
        if outcome.as_ref().is_err_and(|failure| failure.kind == ErrorKind::Stopped) {
            return false;
        }
        self.batch.put(lane, index, outcome, rest);
        true
    }

    fn end(&self) {
        if is_exiting() {
            return;
        }
        let finish = lock(&self.finish).take();
        if let (Some(gathered), Some(finish)) = (self.batch.take(), finish) {
            finish(gathered, &self.batch.cancelled);
        }
    }
}

fn lock<S>(mutex: &Mutex<S>) -> MutexGuard<'_, S> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(counts: &mut Vec<(ErrorKind, u64)>, kind: &ErrorKind, count: u64) {
    match counts.iter_mut().find(|(known, _)| std::mem::discriminant(known) == std::mem::discriminant(kind)) {
        Some((_, sum)) => *sum += count,
        None => counts.push((kind.clone(), count)),
    }
}

/// What a kernel's panic becomes.
pub fn panicked(panic: &(dyn Any + Send)) -> KernelError {
    KernelError::internal(format!("a bug in shoal or a library of it: {}", panic_message(panic)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests;
