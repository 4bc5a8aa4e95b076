//! A stream: requests are pulled from a source as results are taken, for inputs too long to hold.
//!
//! The consumer reads the source and hands requests over with [`FetchStream::push`] only while there is
//! [`FetchStream::room`], so that at most `concurrency + buffer` requests are between the source and the consumer.
//!
//! A wake-up of either side takes as long as half a request, so they are batched. The reactor is woken only if a worker
//! is idle; one task there then starts as many workers as there are requests, and a worker that has finished takes the
//! next request itself. The consumer is woken only if it waits, once per tick of the reactor, and takes out everything
//! that is ready. While it has results, the source is read for several free places at once ([`FetchStream::is_due`]).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempts::{FetchResult, Fetcher};
use super::completion::{Waiter, Waiters, wake_all};
use super::deadline;
use super::error::{ErrorKind, FetchError};
use super::request::Request;
use super::stats::{Collector, Stats};
use super::transport::{Router, Transport};
use shoal_runtime::load::migration_target;
use shoal_runtime::{Mutex, OnTickEnd, at_tick_end};

/// How a stream is run.
#[derive(Clone, Copy, Debug)]
pub struct FetchStreamOptions {
    /// Requests in flight at once; 1 or more.
    pub concurrency: usize,
    /// Finished results that may wait for the consumer.
    pub buffer: usize,
    /// Give results in the order of the source.
    pub ordered: bool,
    /// For the whole stream.
    pub deadline: Option<Duration>,
}

/// The result of [`FetchStream::take`].
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is moved once; a box would be allocated by one thread and freed by another"
)]
pub enum Taken {
    /// The index of a request in the source, and its result.
    Item(usize, FetchResult),
    /// No result yet.
    Pending,
    /// The end of the stream.
    End,
}

/// At this number of results a blocked thread is woken in the middle of a tick and works beside the reactor.
const WAKE_AT: usize = 32;

/// The most places left free while the consumer has results.
const MAX_FREE: usize = 16;

/// A request that waits for a worker: its index, since when, and the request.
type Queued = (usize, Instant, Arc<Request>);

#[derive(Default)]
struct State {
    input: VecDeque<Queued>,
    /// The request of each worker.
    running: Vec<Option<(usize, Arc<Request>)>>,
    idle: Vec<Waker>,
    /// `FetchStream::dispatch`, while it sleeps.
    dispatcher: Option<Waker>,
    ready: VecDeque<(usize, FetchResult)>,
    /// Results from index `next_out` on that wait for earlier ones.
    early: VecDeque<Option<FetchResult>>,
    next_out: usize,
    closed: bool,
    waiters: Waiters,
    /// Threads in `FetchStream::wait`.
    blocked: usize,
    /// They are woken at the end of the current tick of the reactor.
    tick_pending: bool,
}

impl State {
    /// Adds a result. If the stream is `ordered`, it is ready once all results before it are.
    fn settle(&mut self, ordered: bool, index: usize, result: FetchResult) {
        if !ordered {
            self.ready.push_back((index, result));
            return;
        }
        let position = index - self.next_out;
        if self.early.len() <= position {
            self.early.resize_with(position + 1, || None);
        }
        if let Some(early) = self.early.get_mut(position) {
            *early = Some(result);
        }
        while let Some(result) = self.early.front_mut().and_then(Option::take) {
            self.early.pop_front();
            self.ready.push_back((self.next_out, result));
            self.next_out += 1;
        }
    }

    /// The next request, for worker `number`.
    fn begin(&mut self, number: usize) -> Option<Queued> {
        let (index, queued, request) = self.input.pop_front()?;
        if let Some(running) = self.running.get_mut(number) {
            *running = Some((index, request.clone()));
        }
        Some((index, queued, request))
    }
}

/// A running stream.
pub struct FetchStream<T = Router> {
    collector: Arc<Collector>,
    options: FetchStreamOptions,
    /// Results that consumers have moved out of `State::ready`. Locked before `state`, never after.
    outbox: Mutex<VecDeque<(usize, FetchResult)>>,
    state: Mutex<State>,
    /// Until `FetchStream::run` takes it.
    fetcher: Mutex<Option<Arc<Fetcher<T>>>>,
    arrived: Condvar,
    freed: Condvar,
    /// A thread is in [`FetchStream::wait_for_room`].
    source_waits: AtomicBool,
    /// The source has no more. This and `next_in` are changed under the lock of `state` and read without it.
    exhausted: AtomicBool,
    next_in: AtomicUsize,
    taken: AtomicUsize,
    stop: CancellationToken,
    started: Instant,
}

impl<T: Transport> FetchStream<T> {
    /// A stream without requests.
    pub fn new(fetcher: Arc<Fetcher<T>>, options: FetchStreamOptions) -> Arc<Self> {
        Arc::new(Self {
            collector: fetcher.collector.clone(),
            options,
            outbox: Mutex::default(),
            state: Mutex::default(),
            fetcher: Mutex::new(Some(fetcher)),
            arrived: Condvar::new(),
            freed: Condvar::new(),
            source_waits: AtomicBool::new(false),
            exhausted: AtomicBool::new(false),
            next_in: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            started: Instant::now(),
        })
    }

    /// Starts the clock of the deadline, if there is one.
    pub fn arm(self: &Arc<Self>, handle: &Handle) {
        if self.options.deadline.is_some() {
            let fetcher = self.fetcher.lock().take();
            self.spawn(handle, fetcher);
        }
    }

    fn spawn(self: &Arc<Self>, handle: &Handle, fetcher: Option<Arc<Fetcher<T>>>) {
        if let Some(fetcher) = fetcher {
            handle.spawn(self.clone().run(fetcher));
        }
    }

    /// The number of requests that may be handed over now.
    pub fn room(&self) -> usize {
        if self.exhausted.load(Ordering::SeqCst) {
            return 0;
        }
        let taken = self.taken.load(Ordering::SeqCst);
        let between = self.next_in.load(Ordering::SeqCst) - taken;
        (self.options.concurrency + self.options.buffer).saturating_sub(between)
    }

    /// Whether to read the source now: for any free place if the consumer has no results, otherwise when there are enough
    /// free places to be worth waking the reactor. At most a quarter of the buffer stays free, so that `concurrency`
    /// requests stay in flight.
    pub fn is_due(&self) -> bool {
        let room = self.room();
        room > 0 && (room >= (self.options.buffer / 4).min(MAX_FREE) || self.outbox.lock().is_empty())
    }

    /// Blocks the thread until the source [is due](FetchStream::is_due); `false` if it never will be again.
    pub fn wait_for_room(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            if self.exhausted.load(Ordering::SeqCst) {
                return false;
            }
            // Set before `room` is read: `take` makes room first and reads this afterwards.
            self.source_waits.store(true, Ordering::SeqCst);
            if self.room() > 0 {
                self.source_waits.store(false, Ordering::SeqCst);
                return true;
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The output of `future`, or `None` as soon as the stream is closed.
    pub async fn until_closed<F: Future>(&self, future: F) -> Option<F::Output> {
        self.stop.run_until_cancelled(future).await
    }

    /// The index of the next request of the source.
    pub fn next_index(&self) -> usize {
        self.next_in.load(Ordering::SeqCst)
    }

    /// Hands over the next request of the source, or the error of an item that never became one. After the end of the
    /// stream it is dropped: the deadline may pass while the source is read.
    pub fn push(self: &Arc<Self>, handle: &Handle, item: Result<Arc<Request>, FetchError>) {
        let mut state = self.state.lock();
        if self.exhausted.load(Ordering::Relaxed) {
            return;
        }
        let index = self.next_in.fetch_add(1, Ordering::SeqCst);
        match item {
            Ok(request) => {
                state.input.push_back((index, Instant::now(), request));
                let needs_worker = state.running.len() < self.options.concurrency || !state.idle.is_empty();
                let dispatcher = if needs_worker { state.dispatcher.take() } else { None };
                let fetcher = self.fetcher.lock().take();
                drop(state);
                self.spawn(handle, fetcher);
                dispatcher.into_iter().for_each(Waker::wake);
            }
            Err(error) => {
                self.collector.record_failure(error.details().kind);
                state.settle(self.options.ordered, index, Err(error));
                self.wake(state);
            }
        }
    }

    /// Marks the end of the source.
    pub fn exhaust(&self) {
        let state = self.state.lock();
        self.exhausted.store(true, Ordering::SeqCst);
        self.end_waits(state);
    }

    /// Runs the workers until the stream is closed.
    async fn run(self: Arc<Self>, fetcher: Arc<Fetcher<T>>) {
        let mut workers = JoinSet::new();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = deadline::passed(self.started, self.options.deadline) => self.expire(),
            () = std::future::poll_fn(|context| self.dispatch(context, &fetcher, &mut workers)) => {}
        }
        workers.shutdown().await;
    }

    /// Wakes or starts as many workers as there are requests.
    fn dispatch(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        fetcher: &Arc<Fetcher<T>>,
        workers: &mut JoinSet<(usize, &'static Handle)>,
    ) -> Poll<()> {
        let mut state = self.state.lock();
        state.dispatcher = Some(context.waker().clone());
        let woken = state.input.len().min(state.idle.len());
        let still_idle = state.idle.len() - woken;
        let idle = state.idle.split_off(still_idle);
        let first = state.running.len();
        let last = (first + state.input.len() - woken).min(self.options.concurrency);
        state.running.resize(last, None);
        drop(state);
        idle.into_iter().for_each(Waker::wake);
        for number in first..last {
            workers.spawn(self.clone().work(fetcher.clone(), number));
        }
        while let Poll::Ready(Some(ended)) = workers.poll_join_next(context) {
            if let Ok((number, target)) = ended {
                workers.spawn_on(self.clone().work(fetcher.clone(), number), target);
            }
        }
        Poll::Pending
    }

    /// Fetches requests until the worker should move to another runtime.
    async fn work(self: Arc<Self>, fetcher: Arc<Fetcher<T>>, number: usize) -> (usize, &'static Handle) {
        let mut next = None;
        loop {
            let (index, queued, request) = match next {
                Some(next) => next,
                None => std::future::poll_fn(|context| self.poll_input(context, number)).await,
            };
            let result = fetcher.fetch_queued(request, index, queued.into_std()).await;
            let target = migration_target();
            next = self.finish(number, index, result, target.is_none());
            if let Some(target) = target {
                return (number, target);
            }
        }
    }

    fn poll_input(&self, context: &mut Context<'_>, number: usize) -> Poll<Queued> {
        let mut state = self.state.lock();
        if let Some(next) = state.begin(number) {
            return Poll::Ready(next);
        }
        state.idle.push(context.waker().clone());
        Poll::Pending
    }

    /// Delivers a result; returns the worker's next request if there is one and the worker `goes_on`.
    fn finish(self: &Arc<Self>, number: usize, index: usize, result: FetchResult, goes_on: bool) -> Option<Queued> {
        let mut state = self.state.lock();
        // The deadline removes the requests that it fails.
        let is_expired = state.running.get_mut(number).and_then(Option::take).is_none();
        let next = if goes_on { state.begin(number) } else { None };
        if !is_expired {
            state.settle(self.options.ordered, index, result);
            self.wake(state);
        }
        next
    }

    /// Wakes the consumers after a result is ready.
    fn wake(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let waiters = std::mem::take(&mut state.waiters);
        let now = state.blocked > 0 && state.ready.len() == WAKE_AT;
        let soon = state.blocked > 0 && !std::mem::replace(&mut state.tick_pending, true);
        drop(state);
        if now {
            self.arrived.notify_all();
        }
        if soon {
            at_tick_end(self.clone());
        }
        wake_all(waiters);
    }

    /// Wakes the consumers and the reader of the source at the end of the stream.
    fn end_waits(&self, mut state: MutexGuard<'_, State>) {
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.arrived.notify_all();
        self.freed.notify_all();
        wake_all(waiters);
    }

    /// The next result, if there is one.
    pub fn take(&self) -> Taken {
        let mut outbox = self.outbox.lock();
        if outbox.is_empty() {
            let mut state = self.state.lock();
            std::mem::swap(&mut *outbox, &mut state.ready);
            if outbox.is_empty() {
                return if self.is_over(&state) { Taken::End } else { Taken::Pending };
            }
        }
        let Some((index, result)) = outbox.pop_front() else { return Taken::Pending };
        self.taken.fetch_add(1, Ordering::SeqCst);
        drop(outbox);
        if self.source_waits.load(Ordering::SeqCst) && self.is_due() {
            let state = self.state.lock();
            self.source_waits.store(false, Ordering::SeqCst);
            drop(state);
            self.freed.notify_all();
        }
        Taken::Item(index, result)
    }

    fn is_over(&self, state: &State) -> bool {
        let finished = self.exhausted.load(Ordering::SeqCst)
            && self.next_in.load(Ordering::SeqCst) == self.taken.load(Ordering::SeqCst);
        state.closed || finished
    }

    /// The locked state if there is nothing to take yet. That cannot change while it is locked.
    fn pending(&self) -> Option<MutexGuard<'_, State>> {
        let outbox = self.outbox.lock();
        let state = self.state.lock();
        let pending = outbox.is_empty() && state.ready.is_empty() && !self.is_over(&state);
        pending.then_some(state)
    }

    /// Registers a waiter for the next result or the end; `false` if there already is one.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        let Some(mut state) = self.pending() else { return false };
        state.waiters.push((waiter, token));
        true
    }

    /// Blocks the thread until there may be a result or `limit` has passed.
    pub fn wait(&self, limit: Duration) {
        let Some(mut state) = self.pending() else { return };
        state.blocked += 1;
        let (mut state, _) = self.arrived.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
    }

    /// Stops the stream, releases its sockets and drops the results that were not taken.
    pub fn close(&self) {
        self.stop.cancel();
        let mut outbox = self.outbox.lock();
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        self.exhausted.store(true, Ordering::SeqCst);
        let fetcher = self.fetcher.lock().take();
        let unused = (std::mem::take(&mut *outbox), std::mem::take(&mut state.ready), std::mem::take(&mut state.early));
        let unanswered = (std::mem::take(&mut state.input), std::mem::take(&mut state.running));
        drop(outbox);
        self.end_waits(state);
        self.collector.finish();
        drop((fetcher, unused, unanswered));
    }

    /// Fails the unfinished requests at the deadline and ends the source.
    fn expire(&self) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let running =
            std::mem::take(&mut state.running).into_iter().flatten().map(|(index, request)| (index, request, 1));
        let waiting = std::mem::take(&mut state.input).into_iter().map(|(index, _, request)| (index, request, 0));
        let mut unfinished: Vec<_> = running.chain(waiting).collect();
        unfinished.sort_unstable_by_key(|(index, ..)| *index);
        let seconds = self.options.deadline.unwrap_or_default().as_secs_f64();
        let error = |request, index, attempts| {
            self.collector.record_failure(ErrorKind::DeadlineExceeded);
            let message = format!("not finished before the stream's deadline of {seconds} s");
            Err(deadline::error(message, request, index, attempts, self.started.elapsed()))
        };
        // A source that is cut off is reported by one error even if every request is finished.
        if !self.exhausted.swap(true, Ordering::SeqCst) && unfinished.is_empty() {
            let index = self.next_in.fetch_add(1, Ordering::SeqCst);
            state.settle(self.options.ordered, index, error(None, index, 0));
        }
        for (index, request, attempts) in unfinished {
            state.settle(self.options.ordered, index, error(Some(request), index, attempts));
        }
        self.end_waits(state);
        // Last, because the reader of an async source reacts with `exhaust`.
        self.stop.cancel();
    }

    /// Whether a result waits to be taken.
    pub fn is_ready(&self) -> bool {
        !self.outbox.lock().is_empty() || !self.state.lock().ready.is_empty()
    }

    /// The number of results taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// The statistics so far.
    pub fn stats(&self) -> Stats {
        self.collector.snapshot()
    }
}

impl<T: Transport> OnTickEnd for FetchStream<T> {
    fn on_tick_end(&self) {
        let mut state = self.state.lock();
        state.tick_pending = false;
        let blocked = state.blocked > 0;
        drop(state);
        if blocked {
            self.arrived.notify_all();
        }
    }
}
