//! Runs a kernel over a batch of documents on the pool, in slices.
//!
//! A batch has up to `workers` runners. Each claims the next few documents, about a millisecond's worth: claiming is then
//! cheap, and the last documents are shared evenly. After [`SLICE`] a runner returns the documents it has not begun and
//! goes to the back of the pool's queue, so that other batches get their turn and a cancelled one leaves the pool. Each
//! runner has its own results, so that no runner waits for a lock and finished results can be taken at any moment.
//!
//! The last runner to stop makes the final result, also on the pool. Cancelling takes the finished results without
//! waiting; the documents are dropped when the last runner has seen the cancellation.

use std::ops::{Range, RangeFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{iter, mem, vec};

use crossbeam_utils::CachePadded;
use shoal_runtime::cpu_placement::CpuPlacement;
use shoal_runtime::{RuntimeError, is_exiting, panic_message, pool};

use crate::document::{BufferGuard, Document};
use crate::error::{ErrorKind, KernelError};
use crate::stop::Stop;

/// How long a runner keeps a thread of the pool. Going to the back of the queue costs about a microsecond.
const SLICE: Duration = Duration::from_millis(5);

/// The time that a claim of documents should take.
const CLAIM: Duration = Duration::from_millis(1);

/// Looks at the clock in a claim, and documents between two of them, at most: a look takes 25 ns, a short document 40.
const MAX_LOOKS: usize = 16;

/// Documents in a claim, at most.
const MAX_CLAIM: usize = 4096;

/// How a batch runs.
#[derive(Clone, Copy, Debug)]
pub struct BatchOptions {
    /// Threads at once; 1 or more.
    pub workers: usize,
    /// Keep going when a document fails.
    pub keep_going: bool,
}

/// A document's error and its index.
pub type IndexedError = (usize, KernelError);

/// Results with the indexes of their documents, in order.
pub type IndexedResults<T> =
    iter::Flatten<vec::IntoIter<iter::Zip<RangeFrom<usize>, vec::IntoIter<Result<T, KernelError>>>>>;

/// The index of a document, and the results from it on.
type Segment<T> = (usize, Vec<Result<T, KernelError>>);

/// The results of a batch that has ended.
#[derive(Debug)]
pub struct Gathered<T> {
    results: IndexedResults<T>,
    /// The number of documents.
    pub total: usize,
    /// The error that ended the batch, unless it was to keep going.
    pub failure: Option<IndexedError>,
}

impl<T> Gathered<T> {
    /// All results; documents that were not finished are left out.
    pub fn into_results(self) -> IndexedResults<T> {
        self.results
    }
}

/// Figures of a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchStats {
    /// Documents with a result.
    pub ok: u64,
    /// Documents that failed, by kind of error.
    pub failed: Vec<(ErrorKind, u64)>,
    /// From the start to the end, or to now.
    pub wall_time: Duration,
}

/// The results of one runner. Others lock it only to read the figures and to end the batch.
struct RunnerResults<T> {
    segments: Vec<Segment<T>>,
    finished: usize,
    failed: Vec<(ErrorKind, u64)>,
}

struct End {
    failure: Option<IndexedError>,
    taken: bool,
    wall_time: Option<Duration>,
}

/// A running batch, as its job keeps it.
pub struct DocumentBatch<T> {
    total: usize,
    keep_going: bool,
    /// No more documents: one has failed, or the batch is cancelled.
    stop: Stop,
    /// The batch is cancelled: the final result is not wanted either.
    cancelled: Stop,
    next: AtomicUsize,
    /// Documents claimed by slices that ended before they began them.
    returned: Mutex<Vec<Range<usize>>>,
    /// Padded: where two runners share a cache line, every document takes 80 ns more.
    runners: Box<[CachePadded<Mutex<RunnerResults<T>>>]>,
    placement: CpuPlacement,
    end: Mutex<End>,
    started: Instant,
}

/// Shared by the runners. Dropped, and the documents with it, when the last of them has stopped.
struct Run<T, K, F> {
    batch: Arc<DocumentBatch<T>>,
    kernel: K,
    documents: Vec<Document>,
    finish: Mutex<Option<F>>,
    active: AtomicUsize,
    _guard: BufferGuard,
}

impl<T: Send + 'static> DocumentBatch<T> {
    /// Starts `kernel` over `documents`. The results go to `finish`, on the pool, unless the batch is cancelled. `guard` is
    /// dropped after the last use of a document.
    pub fn start<K, F>(
        documents: Vec<Document>,
        guard: BufferGuard,
        options: BatchOptions,
        kernel: K,
        finish: F,
    ) -> Result<Arc<Self>, RuntimeError>
    where
        K: Fn(&Document, &Stop) -> Result<T, KernelError> + Send + Sync + 'static,
        F: FnOnce(Gathered<T>, &Stop) + Send + 'static,
    {
        // An empty batch ends on the pool, too.
        let workers = options.workers.min(documents.len()).max(1);
        let results =
            || CachePadded::new(Mutex::new(RunnerResults { segments: Vec::new(), finished: 0, failed: Vec::new() }));
        let batch = Arc::new(Self {
            total: documents.len(),
            keep_going: options.keep_going,
            stop: Stop::default(),
            cancelled: Stop::default(),
            next: AtomicUsize::new(0),
            returned: Mutex::default(),
            runners: iter::repeat_with(results).take(workers).collect(),
            placement: CpuPlacement::new(workers),
            end: Mutex::new(End { failure: None, taken: false, wall_time: None }),
            started: Instant::now(),
        });
        let run = Arc::new(Run {
            batch: batch.clone(),
            kernel,
            documents,
            finish: Mutex::new(Some(finish)),
            active: AtomicUsize::new(workers),
            _guard: guard,
        });
        for runner in 0..workers {
            let run = run.clone();
            pool::spawn(move || run.begin(runner))?;
        }
        Ok(batch)
    }

    /// Stops the work and takes the finished results; None if they were taken before.
    pub fn cancel(&self) -> Option<Gathered<T>> {
        self.stop.set();
        self.cancelled.set();
        self.take()
    }

    /// The number of finished documents, and of all.
    pub fn progress(&self) -> (usize, usize) {
        (self.runners.iter().map(|results| lock(results).finished).sum(), self.total)
    }

    /// The figures so far.
    pub fn stats(&self) -> BatchStats {
        let wall_time = lock(&self.end).wall_time.unwrap_or_else(|| self.started.elapsed());
        let mut stats = BatchStats { wall_time, ..BatchStats::default() };
        for results in &self.runners {
            let results = lock(results);
            let failures = results.failed.iter().map(|(_, count)| count).sum::<u64>();
            stats.ok += u64::try_from(results.finished).unwrap_or(u64::MAX).saturating_sub(failures);
            for (kind, count) in &results.failed {
                add(&mut stats.failed, kind, *count);
            }
        }
        stats
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

    /// The size of the next claim, by the time the last one took; smaller towards the end.
    fn next_count(&self, done: usize, spent: Duration) -> usize {
        let each = spent.as_nanos() / u128::try_from(done.max(1)).unwrap_or(1);
        let timely = CLAIM.as_nanos().checked_div(each).and_then(|count| usize::try_from(count).ok());
        let left = self.total.saturating_sub(self.next.load(Ordering::Relaxed));
        timely.unwrap_or(MAX_CLAIM).min(left / (2 * self.runners.len())).clamp(1, MAX_CLAIM)
    }

    fn put(&self, runner: usize, index: usize, result: Result<T, KernelError>, rest: usize) {
        let error = result.as_ref().err().cloned();
        if let Some(results) = self.runners.get(runner) {
            let mut results = lock(results);
            results.finished += 1;
            if let Some(error) = &error {
                add(&mut results.failed, &error.kind, 1);
            }
            match results.segments.last_mut() {
                Some((start, last)) if *start + last.len() == index => last.push(result),
                _ => {
                    let mut first = Vec::with_capacity(1 + rest);
                    first.push(result);
                    results.segments.push((index, first));
                }
            }
        }
        if let Some(error) = error
            && !self.keep_going
        {
            lock(&self.end).failure.get_or_insert((index, error));
            self.stop.set();
        }
    }

    /// The finished results, for the first caller.
    fn take(&self) -> Option<Gathered<T>> {
        let failure = {
            let mut end = lock(&self.end);
            if mem::replace(&mut end.taken, true) {
                return None;
            }
            end.wall_time = Some(self.started.elapsed());
            end.failure.take()
        };
        let mut segments: Vec<_> =
            self.runners.iter().flat_map(|results| mem::take(&mut lock(results).segments)).collect();
        segments.sort_unstable_by_key(|(start, _)| *start);
        let results: Vec<_> = segments.into_iter().map(|(start, results)| (start..).zip(results)).collect();
        Some(Gathered { results: results.into_iter().flatten(), total: self.total, failure })
    }
}

impl<T, K, F> Run<T, K, F>
where
    T: Send + 'static,
    K: Fn(&Document, &Stop) -> Result<T, KernelError> + Send + Sync + 'static,
    F: FnOnce(Gathered<T>, &Stop) + Send + 'static,
{
    /// The first slice of a runner.
    fn begin(self: Arc<Self>, runner: usize) {
        // Unless the others have claimed everything meanwhile.
        if self.batch.next.load(Ordering::Relaxed) < self.batch.total {
            self.batch.placement.place(runner);
        }
        self.slice(runner, 1);
    }

    /// One slice of a runner, which claims `count` documents at first.
    fn slice(self: Arc<Self>, runner: usize, mut count: usize) {
        let start = Instant::now();
        let mut before = start;
        while let Some(mut range) = self.batch.claim(count) {
            let claimed = range.start;
            let stride = (range.len() / MAX_LOOKS).clamp(1, MAX_LOOKS);
            while let Some(index) = range.next() {
                if !self.document(runner, index, range.len()) {
                    break;
                }
                let due = pool::is_fork_pending() || (range.len() % stride == 0 && start.elapsed() >= SLICE);
                if due && !range.is_empty() {
                    lock(&self.batch.returned).push(range.clone());
                    break;
                }
            }
            let now = Instant::now();
            count = self.batch.next_count(range.start - claimed, now - before);
            before = now;
            if now - start >= SLICE || pool::is_fork_pending() {
                // At exit the pool refuses it, and the batch stays as it is.
                let _ = pool::spawn(move || self.slice(runner, count));
                return;
            }
        }
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.end();
        }
    }

    /// Runs the kernel on one document, which `rest` of the same claim follow; `false` if the batch is over.
    fn document(&self, runner: usize, index: usize, rest: usize) -> bool {
        let Some(document) = self.documents.get(index).filter(|_| !self.batch.stop.is_set() && !is_exiting()) else {
            return false;
        };
        let run = || (self.kernel)(document, &self.batch.stop);
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            Err(KernelError::internal(format!("a bug in shoal or a library of it: {}", panic_message(&*panic))))
        });
        if result.as_ref().is_err_and(|error| error.kind == ErrorKind::Stopped) {
            return false;
        }
        self.batch.put(runner, index, result, rest);
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
    match counts.iter_mut().find(|(known, _)| mem::discriminant(known) == mem::discriminant(kind)) {
        Some((_, sum)) => *sum += count,
        None => counts.push((kind.clone(), count)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests;
