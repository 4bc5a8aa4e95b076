//! Requests as they come, results as they are taken: for lists too long to hold.
//!
//! The consumer pulls the source and hands requests over with [`FetchStream::push`] only while there is [`FetchStream::room`], so
//! that no more than `concurrency + buffer` requests are ever between the source and the consumer.
//!
//! A wake-up of either side takes as long as half a request, so there are few. The reactor is woken only if a worker has
//! nothing to do, and then one task there starts as many as there is work for; a worker that has finished takes the next
//! request itself. The consumer is woken only if it waits, for all that a turn of the reactor brings, and takes
//! everything that is ready out at once. While it has some of that, the source is not read for each place that gets
//! free, but for several ([`FetchStream::is_due`]).

mod state;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::state::{Queued, State};
use super::attempts::{FetchResult, Fetcher};
use super::completion::Waiter;
use super::deadline;
use super::error::{AttemptError, ErrorKind, FetchError, Phase};
use super::request::Request;
use super::stats::{Collector, Stats};
use super::transport::{Router, Transport};
use shoal_runtime::load::migration_target;
use shoal_runtime::{OnTickEnd, at_tick_end};

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

/// What [`FetchStream::take`] finds.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is moved once; a box would be made by one thread and freed by another"
)]
pub enum Taken {
    /// A result and its place in the source.
    Item(usize, FetchResult),
    /// Nothing yet.
    Pending,
    /// Nothing any more.
    End,
}

/// With so many results ready a blocked thread is woken in the middle of a turn: enough to do while the reactor goes on.
const MANY: usize = 32;

/// The most places that are left free while the consumer has something to do.
const FREE: usize = 16;

/// A stream under way.
pub struct FetchStream<T = Router> {
    collector: Arc<Collector>,
    options: FetchStreamOptions,
    /// What consumers have taken out of `ready`. Locked before `state`, never after.
    outbox: Mutex<VecDeque<(usize, FetchResult)>>,
    state: Mutex<State<T>>,
    arrived: Condvar,
    freed: Condvar,
    /// A thread is in [`FetchStream::wait_for_room`].
    starving: AtomicBool,
    /// No more input. This and `next_in` change under the lock of `state` and are read without.
    exhausted: AtomicBool,
    next_in: AtomicUsize,
    taken: AtomicUsize,
    stop: CancellationToken,
    started: Instant,
}

impl<T: Transport> FetchStream<T> {
    /// A stream without input yet.
    pub fn new(call: Arc<Fetcher<T>>, options: FetchStreamOptions) -> Arc<Self> {
        Arc::new(Self {
            collector: call.collector.clone(),
            options,
            outbox: Mutex::default(),
            state: Mutex::new(State::new(call)),
            arrived: Condvar::new(),
            freed: Condvar::new(),
            starving: AtomicBool::new(false),
            exhausted: AtomicBool::new(false),
            next_in: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            started: Instant::now(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> MutexGuard<'_, VecDeque<(usize, FetchResult)>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the deadline's clock, if there is one.
    pub fn arm(self: &Arc<Self>, handle: &Handle) {
        if self.options.deadline.is_some() {
            let call = self.lock().call.take();
            self.open(handle, call);
        }
    }

    fn open(self: &Arc<Self>, handle: &Handle, call: Option<Arc<Fetcher<T>>>) {
        if let Some(call) = call {
            handle.spawn(self.clone().run(call));
        }
    }

    /// How many requests may be handed over now.
    pub fn room(&self) -> usize {
        if self.exhausted.load(Ordering::SeqCst) {
            return 0;
        }
        let taken = self.taken.load(Ordering::SeqCst);
        let between = self.next_in.load(Ordering::SeqCst) - taken;
        (self.options.concurrency + self.options.buffer).saturating_sub(between)
    }

    /// Whether the source had better be read: if nothing is at hand, for any place that is free; otherwise not before
    /// it is worth waking the reactor. No more than a quarter of the buffer stays free, so that `concurrency` requests
    /// are in flight all the same.
    pub fn is_due(&self) -> bool {
        let room = self.room();
        room > 0 && (room >= (self.options.buffer / 4).min(FREE) || self.outbox().is_empty())
    }

    /// Blocks the thread until the source [is due](FetchStream::is_due) again; `false` if it will not be any more.
    pub fn wait_for_room(&self) -> bool {
        let mut state = self.lock();
        loop {
            if self.exhausted.load(Ordering::SeqCst) {
                return false;
            }
            // Before the look at the room: whoever makes some looks for this afterwards.
            self.starving.store(true, Ordering::SeqCst);
            if self.room() > 0 {
                self.starving.store(false, Ordering::SeqCst);
                return true;
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Resolves like `future`, or with `None` as soon as the stream is closed.
    pub async fn until_closed<F: Future>(&self, future: F) -> Option<F::Output> {
        self.stop.run_until_cancelled(future).await
    }

    /// The place the next request of the source will have.
    pub fn next_index(&self) -> usize {
        self.next_in.load(Ordering::SeqCst)
    }

    /// Hands the next request of the source over, or the reason why it never became one. Once the stream has ended it is
    /// dropped: the deadline may come while the source is asked.
    pub fn push(self: &Arc<Self>, handle: &Handle, item: Result<Arc<Request>, FetchError>) {
        let mut state = self.lock();
        if self.exhausted.load(Ordering::Relaxed) {
            return;
        }
        let index = self.next_in.fetch_add(1, Ordering::SeqCst);
        match item {
            Ok(request) => {
                state.input.push_back((index, Instant::now(), request));
                let lacking = state.running.len() < self.options.concurrency || !state.idle.is_empty();
                let employer = if lacking { state.employer.take() } else { None };
                let call = state.call.take();
                drop(state);
                self.open(handle, call);
                employer.into_iter().for_each(Waker::wake);
            }
            Err(error) => {
                self.collector.record_failure(error.details().kind);
                state.settle(self.options.ordered, index, Err(error));
                self.wake(state);
            }
        }
    }

    /// The source has no more.
    pub fn exhaust(&self) {
        let state = self.lock();
        self.exhausted.store(true, Ordering::SeqCst);
        self.end_waits(state);
    }

    /// Works until the stream is closed.
    async fn run(self: Arc<Self>, call: Arc<Fetcher<T>>) {
        let mut workers = JoinSet::new();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = deadline::passed(self.started, self.options.deadline) => self.expire(),
            () = std::future::poll_fn(|context| self.employ(context, &call, &mut workers)) => {}
        }
        workers.shutdown().await;
    }

    /// Wakes or starts as many workers as there is work for.
    fn employ(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        call: &Arc<Fetcher<T>>,
        workers: &mut JoinSet<(usize, &'static Handle)>,
    ) -> Poll<()> {
        let mut state = self.lock();
        state.employer = Some(context.waker().clone());
        let woken = state.input.len().min(state.idle.len());
        let rested = state.idle.len() - woken;
        let idle = state.idle.split_off(rested);
        let first = state.running.len();
        let last = (first + state.input.len() - woken).min(self.options.concurrency);
        state.running.resize(last, None);
        drop(state);
        idle.into_iter().for_each(Waker::wake);
        for number in first..last {
            workers.spawn(self.clone().work(call.clone(), number));
        }
        while let Poll::Ready(Some(ended)) = workers.poll_join_next(context) {
            if let Ok((number, target)) = ended {
                workers.spawn_on(self.clone().work(call.clone(), number), target);
            }
        }
        Poll::Pending
    }

    /// Until it had better be done elsewhere.
    async fn work(self: Arc<Self>, call: Arc<Fetcher<T>>, number: usize) -> (usize, &'static Handle) {
        let mut next = None;
        loop {
            let (index, queued, request) = match next {
                Some(next) => next,
                None => std::future::poll_fn(|context| self.poll_input(context, number)).await,
            };
            let outcome = call.fetch_queued(request, index, queued.into_std()).await;
            let target = migration_target();
            next = self.finish(number, index, outcome, target.is_none());
            if let Some(target) = target {
                return (number, target);
            }
        }
    }

    fn poll_input(&self, context: &mut Context<'_>, number: usize) -> Poll<Queued> {
        let mut state = self.lock();
        if let Some(next) = state.begin(number) {
            return Poll::Ready(next);
        }
        state.idle.push(context.waker().clone());
        Poll::Pending
    }

    /// What a worker was doing is done; gives it the next, if there is one and it `goes_on`.
    fn finish(self: &Arc<Self>, number: usize, index: usize, outcome: FetchResult, goes_on: bool) -> Option<Queued> {
        let mut state = self.lock();
        // A request the deadline has answered for already is not in there any more.
        let answered = state.running.get_mut(number).and_then(Option::take).is_none();
        let next = if goes_on { state.begin(number) } else { None };
        if !answered {
            state.settle(self.options.ordered, index, outcome);
            self.wake(state);
        }
        next
    }

    /// There may be something to take.
    fn wake(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        let waiters = std::mem::take(&mut state.waiters);
        let now = state.blocked > 0 && state.ready.len() == MANY;
        let soon = state.blocked > 0 && !std::mem::replace(&mut state.told, true);
        drop(state);
        if now {
            self.arrived.notify_all();
        }
        if soon {
            at_tick_end(self.clone());
        }
        for (waiter, token) in waiters {
            waiter.wake(token);
        }
    }

    /// Nobody has anything to wait for any more.
    fn end_waits(&self, mut state: MutexGuard<'_, State<T>>) {
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.arrived.notify_all();
        self.freed.notify_all();
        for (waiter, token) in waiters {
            waiter.wake(token);
        }
    }

    /// The next result, if there is one.
    pub fn take(&self) -> Taken {
        let mut outbox = self.outbox();
        if outbox.is_empty() {
            let mut state = self.lock();
            std::mem::swap(&mut *outbox, &mut state.ready);
            if outbox.is_empty() {
                return if self.is_over(&state) { Taken::End } else { Taken::Pending };
            }
        }
        let Some((index, outcome)) = outbox.pop_front() else { return Taken::Pending };
        self.taken.fetch_add(1, Ordering::SeqCst);
        drop(outbox);
        if self.starving.load(Ordering::SeqCst) && self.is_due() {
            let state = self.lock();
            self.starving.store(false, Ordering::SeqCst);
            drop(state);
            self.freed.notify_all();
        }
        Taken::Item(index, outcome)
    }

    fn is_over(&self, state: &State<T>) -> bool {
        let finished = self.exhausted.load(Ordering::SeqCst)
            && self.next_in.load(Ordering::SeqCst) == self.taken.load(Ordering::SeqCst);
        state.closed || finished
    }

    /// The state, if there is nothing to take but may be later: as long as it is locked, that stays so.
    fn pending(&self) -> Option<MutexGuard<'_, State<T>>> {
        let outbox = self.outbox();
        let state = self.lock();
        let pending = outbox.is_empty() && state.ready.is_empty() && !self.is_over(&state);
        pending.then_some(state)
    }

    /// Registers a waiter for the next arrival (or the end); `false` if there is something to take already.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        let Some(mut state) = self.pending() else { return false };
        state.waiters.push((waiter, token));
        true
    }

    /// Blocks the thread until there may be something to take, or `limit` has passed.
    pub fn wait(&self, limit: Duration) {
        let Some(mut state) = self.pending() else { return };
        state.blocked += 1;
        let (mut state, _) = self.arrived.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
    }

    /// Stops the work, releases its sockets and forgets what was not taken.
    pub fn close(&self) {
        self.stop.cancel();
        let mut outbox = self.outbox();
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        self.exhausted.store(true, Ordering::SeqCst);
        let call = state.call.take();
        let unused = (std::mem::take(&mut *outbox), std::mem::take(&mut state.ready), std::mem::take(&mut state.early));
        let unanswered = (std::mem::take(&mut state.input), std::mem::take(&mut state.running));
        drop(outbox);
        self.end_waits(state);
        self.collector.finish();
        drop((call, unused, unanswered));
    }

    /// The deadline has come: whatever is not finished fails with it, and the source is read no further.
    fn expire(&self) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let begun =
            std::mem::take(&mut state.running).into_iter().flatten().map(|(index, request)| (index, request, 1));
        let waiting = std::mem::take(&mut state.input).into_iter().map(|(index, _, request)| (index, request, 0));
        let mut missing: Vec<_> = begun.chain(waiting).collect();
        missing.sort_unstable_by_key(|(index, ..)| *index);
        let seconds = self.options.deadline.unwrap_or_default().as_secs_f64();
        let error = |request, index, attempts| {
            let phase = if attempts == 0 { Phase::Queue } else { Phase::Headers };
            self.collector.record_failure(ErrorKind::DeadlineExceeded);
            let message = format!("not finished before the stream's deadline of {seconds} s");
            let failure = AttemptError::new(ErrorKind::DeadlineExceeded, phase, message);
            Err(FetchError::new(failure, request, index, attempts, self.started.elapsed()))
        };
        // A source that has more is cut off: that is told as well, once.
        if !self.exhausted.swap(true, Ordering::SeqCst) && missing.is_empty() {
            let index = self.next_in.fetch_add(1, Ordering::SeqCst);
            state.settle(self.options.ordered, index, error(None, index, 0));
        }
        for (index, request, attempts) in missing {
            state.settle(self.options.ordered, index, error(Some(request), index, attempts));
        }
        self.end_waits(state);
        // Not before: the reader of an async source then says that the source has no more.
        self.stop.cancel();
    }

    /// Whether a result waits to be taken.
    pub fn is_ready(&self) -> bool {
        !self.outbox().is_empty() || !self.lock().ready.is_empty()
    }

    /// How many results were taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        self.collector.snapshot()
    }
}

impl<T: Transport> OnTickEnd for FetchStream<T> {
    fn on_tick_end(&self) {
        let mut state = self.lock();
        state.told = false;
        let blocked = state.blocked > 0;
        drop(state);
        if blocked {
            self.arrived.notify_all();
        }
    }
}
