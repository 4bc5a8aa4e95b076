//! A whole batch as one job: `concurrency` workers pull the next request until none is left.
//!
//! Nothing is spawned or handed over per request; the batch crosses to Python once. Results live in slots that can be
//! taken at any moment, so a failure, a deadline, a cancellation or Ctrl-C loses none that was finished.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::attempts::{FetchResult, Fetcher};
use super::deadline;
use super::error::{AttemptError, ErrorKind, FetchError, Phase};
use super::items::{Item, Items, UrlItems};
use super::request::Request;
use super::stats::{Collector, Stats};
use super::transport::Transport;
use shoal_runtime::load::migration_target;

/// How a batch is run.
#[derive(Clone, Copy, Debug)]
pub struct FetchBatchOptions {
    /// Requests in flight at once; 1 or more.
    pub concurrency: usize,
    /// For the whole batch.
    pub deadline: Option<Duration>,
    /// Keep going when a request fails, and put its error into its slot.
    pub keep_errors: bool,
}

/// A batch that ended, well or not.
#[derive(Debug)]
pub struct FetchBatchResult {
    /// In input order; `None` where nothing was finished.
    pub slots: Vec<Option<Box<FetchResult>>>,
    /// Why the batch as a whole failed, if it did.
    pub failure: Option<FetchError>,
}

/// Two words, as an [`Item`], of which it is made in place.
enum Slot {
    Waiting(Item),
    InFlight(Arc<Request>),
    Done(Box<FetchResult>),
    /// Only while a slot changes.
    Empty,
}

struct State {
    slots: Vec<Slot>,
    plain: UrlItems,
    next: usize,
    failure: Option<FetchError>,
    closed: bool,
    taken: bool,
}

/// A batch under way.
pub struct FetchBatch {
    collector: Arc<Collector>,
    options: FetchBatchOptions,
    total: usize,
    finished: AtomicUsize,
    state: Mutex<State>,
    stop: Notify,
    started: Instant,
}

impl FetchBatch {
    /// A batch of `items`.
    pub fn new(collector: Arc<Collector>, items: Items, options: FetchBatchOptions) -> Arc<Self> {
        let total = items.list.len();
        let slots: Vec<Slot> = items
            .list
            .into_iter()
            .map(|item| match item {
                Item::Failed(error) => {
                    collector.record_failure(error.details().kind);
                    Slot::Done(Box::new(Err(*error)))
                }
                item => Slot::Waiting(item),
            })
            .collect();
        let finished = slots.iter().filter(|slot| matches!(slot, Slot::Done(_))).count();
        Arc::new(Self {
            collector,
            options,
            total,
            finished: AtomicUsize::new(finished),
            state: Mutex::new(State { slots, plain: items.plain, next: 0, failure: None, closed: false, taken: false }),
            stop: Notify::new(),
            started: Instant::now(),
        })
    }

    /// Runs to the end; resolves when every socket of the batch is released, with nothing if it was cancelled. The call
    /// is let go of by then: whoever keeps the batch for its results must not keep its connections.
    pub async fn run<T: Transport>(self: Arc<Self>, call: Arc<Fetcher<T>>) -> Option<FetchBatchResult> {
        let mut workers = JoinSet::new();
        for _ in 0..self.options.concurrency.min(self.total) {
            workers.spawn(self.clone().work(call.clone()));
        }
        tokio::select! {
            biased;
            () = self.stop.notified() => {}
            () = async {
                while let Some(ended) = workers.join_next().await {
                    match ended.map_err(JoinError::try_into_panic) {
                        Ok(Some(target)) => drop(workers.spawn_on(self.clone().work(call.clone()), target)),
                        // `Fetcher::fetch` contains the panics of a request; one outside of it is the whole batch's.
                        Err(Ok(panic)) => std::panic::resume_unwind(panic),
                        Ok(None) | Err(Err(_)) => {}
                    }
                }
            } => {}
            () = deadline::passed(self.started, self.options.deadline) => self.expire(),
        }
        workers.shutdown().await;
        drop(call);
        self.collector.finish();
        self.take()
    }

    /// Runs on `handle` and passes what came of it to `finish`, unless it is cancelled.
    pub fn start<T: Transport>(
        self: &Arc<Self>,
        handle: &Handle,
        call: Arc<Fetcher<T>>,
        finish: impl FnOnce(FetchBatchResult) + Send + 'static,
    ) {
        let batch = self.clone();
        handle.spawn(async move {
            if let Some(gathered) = batch.run(call).await {
                finish(gathered);
            }
        });
    }

    /// Stops the work and takes what is finished: nothing if [`FetchBatch::run`] has it already.
    pub fn cancel(&self) -> Option<FetchBatchResult> {
        let gathered = self.take();
        self.stop.notify_one();
        gathered
    }

    /// How many requests are finished, and of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.finished.load(Ordering::Relaxed), self.total)
    }

    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        self.collector.snapshot()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until there is nothing more to do, or it had better be done elsewhere.
    async fn work<T: Transport>(self: Arc<Self>, call: Arc<Fetcher<T>>) -> Option<&'static Handle> {
        while let Some((index, request)) = self.next() {
            let outcome = match request {
                Ok(request) => call.fetch_queued(request, index, self.started.into_std()).await,
                Err(error) => Err(error),
            };
            self.put(index, outcome);
            if let Some(target) = migration_target() {
                return Some(target);
            }
        }
        None
    }

    fn next(&self) -> Option<(usize, Result<Arc<Request>, FetchError>)> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.closed {
            return None;
        }
        loop {
            let index = state.next;
            let slot = state.slots.get_mut(index)?;
            state.next += 1;
            if matches!(slot, Slot::Waiting(_)) {
                return slot.depart(&state.plain, index).map(|request| (index, request));
            }
        }
    }

    fn put(&self, index: usize, outcome: FetchResult) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let failed = outcome.as_ref().err().filter(|_| !self.options.keep_errors).cloned();
        if let Some(slot) = state.slots.get_mut(index) {
            *slot = Slot::Done(Box::new(outcome));
        }
        self.finished.fetch_add(1, Ordering::Relaxed);
        if failed.is_some() {
            state.closed = true;
            state.failure = failed;
            drop(state);
            self.stop.notify_one();
        }
    }

    /// The deadline has come.
    fn expire(&self) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        let limit = self.options.deadline.unwrap_or_default().as_secs_f64();
        let elapsed = self.started.elapsed();
        let error = |request: Option<Arc<Request>>, index, attempts, message: String| {
            let phase = if attempts == 0 { Phase::Queue } else { Phase::Headers };
            FetchError::new(
                AttemptError::new(ErrorKind::DeadlineExceeded, phase, message),
                request,
                index,
                attempts,
                elapsed,
            )
        };
        if !self.options.keep_errors {
            let done = state.slots.iter().filter(|slot| matches!(slot, Slot::Done(_))).count();
            let message = format!("the deadline of {limit} s passed with {done} of {} requests finished", self.total);
            state.failure = Some(error(None, 0, 0, message));
            return;
        }
        let State { slots, plain, .. } = &mut *state;
        for (index, slot) in slots.iter_mut().enumerate() {
            let begun = u32::from(matches!(slot, Slot::InFlight(_)));
            if let Some(request) = slot.depart(plain, index) {
                let message = format!("not finished before the batch's deadline of {limit} s");
                self.collector.record_failure(ErrorKind::DeadlineExceeded);
                let late = |request| error(Some(request), index, begun, message);
                *slot = Slot::Done(Box::new(Err(request.map_or_else(|odd| odd, late))));
            }
        }
    }

    /// What is finished: for the first who asks, so that a cancellation and an end at the same moment lose nothing.
    fn take(&self) -> Option<FetchBatchResult> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.taken, true) {
            return None;
        }
        state.closed = true;
        let slots = std::mem::take(&mut state.slots);
        let plain = std::mem::take(&mut state.plain);
        let failure = state.failure.take();
        drop(state);
        drop(plain);
        let finished = |slot| match slot {
            Slot::Done(outcome) => Some(outcome),
            _ => None,
        };
        Some(FetchBatchResult { slots: slots.into_iter().map(finished).collect(), failure })
    }
}

impl Slot {
    /// The request of a slot that is not done; the slot then counts as in flight.
    fn depart(&mut self, plain: &UrlItems, index: usize) -> Option<Result<Arc<Request>, FetchError>> {
        let request = match std::mem::replace(self, Self::Empty) {
            Self::Waiting(Item::Request(request)) | Self::InFlight(request) => request,
            Self::Waiting(Item::Url(place)) => match plain.request(place, index) {
                Ok(request) => request,
                Err(error) => return Some(Err(error)),
            },
            Self::Waiting(Item::Failed(error)) => return Some(Err(*error)),
            other => {
                *self = other;
                return None;
            }
        };
        *self = Self::InFlight(request.clone());
        Some(Ok(request))
    }
}
