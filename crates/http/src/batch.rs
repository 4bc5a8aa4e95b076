//! A batch of requests as one job: `concurrency` workers pull the next request until none is left.
//!
//! Nothing is spawned or handed over per request, and the batch crosses to Python once. Results are kept in slots that
//! can be taken at any time, so an error, a deadline, a cancellation or Ctrl-C loses no finished request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::attempts::{FetchResult, Fetcher};
use super::deadline;
use super::error::{ErrorKind, FetchError};
use super::items::{Item, Items, UrlItems};
use super::request::Request;
use super::stats::{Collector, Stats};
use super::transport::Transport;
use shoal_runtime::Mutex;
use shoal_runtime::load::migration_target;

/// How a batch is run.
#[derive(Clone, Copy, Debug)]
pub struct FetchBatchOptions {
    /// Requests in flight at once; 1 or more.
    pub concurrency: usize,
    /// For the whole batch.
    pub deadline: Option<Duration>,
    /// Continue after an error and put it into the slot of its request.
    pub keep_errors: bool,
}

/// The result of a batch that has ended or was cancelled.
#[derive(Debug)]
pub struct FetchBatchResult {
    /// In input order; `None` for unfinished requests.
    pub slots: Vec<Option<Box<FetchResult>>>,
    /// The error of the batch as a whole.
    pub failure: Option<FetchError>,
}

/// The state of one request: two words like an [`Item`], so that the vector of items is converted in place.
enum Slot {
    Waiting(Item),
    InFlight(Arc<Request>),
    Done(Box<FetchResult>),
    /// Only while a slot changes.
    Empty,
}

struct State {
    slots: Vec<Slot>,
    urls: UrlItems,
    next: usize,
    failure: Option<FetchError>,
    closed: bool,
    taken: bool,
}

/// A running batch.
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
        let mut finished = 0;
        let to_slot = |item| match item {
            Item::Failed(error) => {
                collector.record_failure(error.kind());
                finished += 1;
                Slot::Done(Box::new(Err(*error)))
            }
            item => Slot::Waiting(item),
        };
        let slots = items.list.into_iter().map(to_slot).collect();
        Arc::new(Self {
            options,
            total,
            finished: AtomicUsize::new(finished),
            state: Mutex::new(State { slots, urls: items.urls, next: 0, failure: None, closed: false, taken: false }),
            stop: Notify::new(),
            started: Instant::now(),
            collector,
        })
    }

    /// Runs the batch. Resolves when every socket of the batch is released, with `None` if the batch was cancelled. The
    /// fetcher is dropped by then: an owner that keeps the batch for its results does not keep its connections.
    pub async fn run<T: Transport>(self: Arc<Self>, fetcher: Arc<Fetcher<T>>) -> Option<FetchBatchResult> {
        let mut workers = JoinSet::new();
        for _ in 0..self.options.concurrency.min(self.total) {
            workers.spawn(self.clone().work(fetcher.clone()));
        }
        tokio::select! {
            biased;
            () = self.stop.notified() => {}
            () = async {
                while let Some(ended) = workers.join_next().await {
                    match ended.map_err(JoinError::try_into_panic) {
                        Ok(Some(target)) => drop(workers.spawn_on(self.clone().work(fetcher.clone()), target)),
                        // `Fetcher::fetch` contains the panics of a request; any other is the batch's.
                        Err(Ok(panic)) => std::panic::resume_unwind(panic),
                        Ok(None) | Err(Err(_)) => {}
                    }
                }
            } => {}
            () = deadline::passed(self.started, self.options.deadline) => self.expire(),
        }
        workers.shutdown().await;
        drop(fetcher);
        self.collector.finish();
        self.take()
    }

    /// Runs the batch on `handle` and passes the result to `finish`, unless the batch is cancelled.
    pub fn start<T: Transport>(
        self: &Arc<Self>,
        handle: &Handle,
        fetcher: Arc<Fetcher<T>>,
        finish: impl FnOnce(FetchBatchResult) + Send + 'static,
    ) {
        let batch = self.clone();
        handle.spawn(async move {
            if let Some(result) = batch.run(fetcher).await {
                finish(result);
            }
        });
    }

    /// Stops the batch and takes the finished results; `None` if [`FetchBatch::run`] has taken them.
    pub fn cancel(&self) -> Option<FetchBatchResult> {
        let result = self.take();
        self.stop.notify_one();
        result
    }

    /// The number of finished requests, and of all.
    pub fn progress(&self) -> (usize, usize) {
        (self.finished.load(Ordering::Relaxed), self.total)
    }

    /// The statistics so far.
    pub fn stats(&self) -> Stats {
        self.collector.snapshot()
    }

    /// Fetches requests until none is left or the worker should move to another runtime, which it returns.
    async fn work<T: Transport>(self: Arc<Self>, fetcher: Arc<Fetcher<T>>) -> Option<&'static Handle> {
        while let Some((index, request)) = self.next() {
            let result = match request {
                Ok(request) => fetcher.fetch_queued(request, index, self.started.into_std()).await,
                Err(error) => Err(error),
            };
            self.put(index, result);
            if let Some(target) = migration_target() {
                return Some(target);
            }
        }
        None
    }

    fn next(&self) -> Option<(usize, Result<Arc<Request>, FetchError>)> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.closed {
            return None;
        }
        loop {
            let index = state.next;
            let slot = state.slots.get_mut(index)?;
            state.next += 1;
            if matches!(slot, Slot::Waiting(_)) {
                return slot.depart(&state.urls, index).map(|request| (index, request));
            }
        }
    }

    fn put(&self, index: usize, result: FetchResult) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let failure = result.as_ref().err().filter(|_| !self.options.keep_errors).cloned();
        if let Some(slot) = state.slots.get_mut(index) {
            *slot = Slot::Done(Box::new(result));
        }
        self.finished.fetch_add(1, Ordering::Relaxed);
        if failure.is_some() {
            state.closed = true;
            state.failure = failure;
            drop(state);
            self.stop.notify_one();
        }
    }

    /// Ends the batch at its deadline.
    fn expire(&self) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        let limit = self.options.deadline.unwrap_or_default().as_secs_f64();
        let elapsed = self.started.elapsed();
        if !self.options.keep_errors {
            let done = state.slots.iter().filter(|slot| matches!(slot, Slot::Done(_))).count();
            let message = format!("the deadline of {limit} s passed with {done} of {} requests finished", self.total);
            state.failure = Some(deadline::error(message, None, 0, 0, elapsed));
            return;
        }
        let State { slots, urls, .. } = &mut *state;
        for (index, slot) in slots.iter_mut().enumerate() {
            let attempts = u32::from(matches!(slot, Slot::InFlight(_)));
            if let Some(request) = slot.depart(urls, index) {
                let message = format!("not finished before the batch's deadline of {limit} s");
                self.collector.record_failure(ErrorKind::DeadlineExceeded);
                let late = |request| deadline::error(message, Some(request), index, attempts, elapsed);
                *slot = Slot::Done(Box::new(Err(request.map_or_else(|invalid| invalid, late))));
            }
        }
    }

    /// The finished results, for the first caller only: a cancellation at the moment of the end loses nothing.
    fn take(&self) -> Option<FetchBatchResult> {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.taken, true) {
            return None;
        }
        state.closed = true;
        let slots = std::mem::take(&mut state.slots);
        let urls = std::mem::take(&mut state.urls);
        let failure = state.failure.take();
        drop(state);
        drop(urls);
        let finished = |slot| match slot {
            Slot::Done(result) => Some(result),
            _ => None,
        };
        Some(FetchBatchResult { slots: slots.into_iter().map(finished).collect(), failure })
    }
}

impl Slot {
    /// The request of a slot that is not done; marks the slot as in flight.
    fn depart(&mut self, urls: &UrlItems, index: usize) -> Option<Result<Arc<Request>, FetchError>> {
        let request = match std::mem::replace(self, Self::Empty) {
            Self::Waiting(Item::Request(request)) | Self::InFlight(request) => request,
            Self::Waiting(Item::Url(url)) => match urls.request(url, index) {
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
