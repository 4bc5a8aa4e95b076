//! Requests as they come, results as they are taken: for lists too long to hold.
//!
//! The consumer pulls the source and hands requests over with [`Flow::push`] only while there is [`Flow::room`], so
//! that no more than `concurrency + buffer` requests are ever between the source and the consumer. Workers live as long
//! as there is input: one that finds none ends, the next push starts it again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::completion::Waiter;
use super::error::{Error, Failure, Kind, Phase};
use super::fetch::{Call, Outcome};
use super::lanes::Lanes;
use super::request::Request;
use super::stats::{Collector, Stats};
use super::transport::Transport;
use crate::runtime::load::elsewhere;

/// How a stream is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests in flight at once; 1 or more.
    pub concurrency: usize,
    /// Finished results that may wait for the consumer.
    pub buffer: usize,
    /// Give results in the order of the source.
    pub ordered: bool,
    /// For the whole stream.
    pub deadline: Option<Duration>,
}

/// What [`Flow::take`] finds.
#[derive(Debug)]
pub enum Taken {
    /// A result and its place in the source.
    Item(usize, Box<Outcome>),
    /// Nothing yet.
    Pending,
    /// Nothing any more.
    End,
}

struct State<T> {
    /// Until the end: a stream that is over must not keep its connections.
    call: Option<Arc<Call<T>>>,
    input: VecDeque<(usize, Instant, Arc<Request>)>,
    running: HashMap<usize, Arc<Request>>,
    ready: VecDeque<(usize, Outcome)>,
    early: BTreeMap<usize, Outcome>,
    next_in: usize,
    next_out: usize,
    workers: usize,
    exhausted: bool,
    closed: bool,
    waiters: Vec<(Arc<dyn Waiter>, u64)>,
}

/// A stream under way.
pub struct Flow<T = Lanes> {
    collector: Arc<Collector>,
    options: Options,
    state: Mutex<State<T>>,
    arrived: Condvar,
    freed: Condvar,
    taken: AtomicUsize,
    stop: CancellationToken,
    started: Instant,
}

impl<T: Transport> Flow<T> {
    /// A stream without input yet.
    pub fn new(call: Arc<Call<T>>, options: Options) -> Arc<Self> {
        Arc::new(Self {
            collector: call.collector.clone(),
            options,
            state: Mutex::new(State {
                call: Some(call),
                input: VecDeque::new(),
                running: HashMap::new(),
                ready: VecDeque::new(),
                early: BTreeMap::new(),
                next_in: 0,
                next_out: 0,
                workers: 0,
                exhausted: false,
                closed: false,
                waiters: Vec::new(),
            }),
            arrived: Condvar::new(),
            freed: Condvar::new(),
            taken: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            started: Instant::now(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the deadline's clock, if there is one.
    pub fn arm(self: &Arc<Self>, handle: &Handle) {
        let Some(limit) = self.options.deadline else { return };
        let flow = Arc::downgrade(self);
        let (stop, at) = (self.stop.clone(), self.started + limit);
        handle.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(at) => {
                    if let Some(flow) = flow.upgrade() {
                        flow.expire(limit);
                    }
                }
            }
        });
    }

    /// How many requests may be handed over now.
    pub fn room(&self) -> usize {
        let state = self.lock();
        if state.closed || state.exhausted {
            return 0;
        }
        let between = state.next_in - self.taken.load(Ordering::Relaxed);
        (self.options.concurrency + self.options.buffer).saturating_sub(between)
    }

    /// Blocks the thread until there is room; `false` if there will be none any more.
    pub fn wait_for_room(&self) -> bool {
        loop {
            if self.room() > 0 {
                return true;
            }
            let state = self.lock();
            if state.closed || state.exhausted {
                return false;
            }
            // A missed notification costs one slice: `room` takes the lock itself.
            drop(self.freed.wait_timeout(state, Duration::from_millis(20)).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Resolves like `future`, or with `None` as soon as the stream is closed.
    pub async fn until_closed<F: Future>(&self, future: F) -> Option<F::Output> {
        self.stop.run_until_cancelled(future).await
    }

    /// The place the next request of the source will have.
    pub fn next_index(&self) -> usize {
        self.lock().next_in
    }

    /// Hands the next request of the source over, or the reason why it never became one.
    pub fn push(self: &Arc<Self>, handle: &Handle, item: Result<Arc<Request>, Error>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let index = state.next_in;
        state.next_in += 1;
        match item {
            Ok(request) => state.input.push_back((index, Instant::now(), request)),
            Err(error) => {
                self.collector.record_failure(error.details().kind);
                self.settle(state, index, Err(error));
                return;
            }
        }
        if state.workers < self.options.concurrency
            && let Some(call) = state.call.clone()
        {
            state.workers += 1;
            drop(state);
            self.clone().send_worker(handle, call);
        }
    }

    fn send_worker(self: Arc<Self>, handle: &Handle, call: Arc<Call<T>>) {
        let stop = self.stop.clone();
        handle.spawn(async move { stop.run_until_cancelled(self.work(call)).await });
    }

    /// The source has no more.
    pub fn exhaust(&self) {
        let mut state = self.lock();
        state.exhausted = true;
        self.wake(state);
    }

    async fn work(self: Arc<Self>, call: Arc<Call<T>>) {
        loop {
            let (index, queued, request) = {
                let mut state = self.lock();
                let Some((index, queued, request)) = state.input.pop_front().filter(|_| !state.closed) else {
                    state.workers -= 1;
                    return;
                };
                state.running.insert(index, request.clone());
                (index, queued, request)
            };
            let outcome = call.fetch_queued(request, index, queued.into_std()).await;
            {
                let mut state = self.lock();
                // A request the deadline has answered for already is not in there any more.
                if state.running.remove(&index).is_some() {
                    self.settle(state, index, outcome);
                }
            }
            if let Some(elsewhere) = elsewhere() {
                return self.send_worker(elsewhere, call);
            }
        }
    }

    fn settle(&self, mut state: MutexGuard<'_, State<T>>, index: usize, outcome: Outcome) {
        state.settle(self.options.ordered, index, outcome);
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
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
        let mut state = self.lock();
        if let Some((index, outcome)) = state.ready.pop_front() {
            self.taken.fetch_add(1, Ordering::Relaxed);
            drop(state);
            self.freed.notify_all();
            return Taken::Item(index, Box::new(outcome));
        }
        let finished = state.exhausted && state.next_in == self.taken.load(Ordering::Relaxed);
        if state.closed || finished { Taken::End } else { Taken::Pending }
    }

    /// Registers a waiter for the next arrival (or the end); `false` if there is something to take already.
    pub fn watch(&self, waiter: Arc<dyn Waiter>, token: u64) -> bool {
        let mut state = self.lock();
        let finished = state.exhausted && state.next_in == self.taken.load(Ordering::Relaxed);
        if state.closed || finished || !state.ready.is_empty() {
            return false;
        }
        state.waiters.push((waiter, token));
        true
    }

    /// Blocks the thread until there is something to take or `limit` has passed.
    pub fn wait(&self, limit: Duration) {
        let state = self.lock();
        let idle = |state: &mut State<T>| {
            let finished = state.exhausted && state.next_in == self.taken.load(Ordering::Relaxed);
            !state.closed && !finished && state.ready.is_empty()
        };
        drop(self.arrived.wait_timeout_while(state, limit, idle).unwrap_or_else(PoisonError::into_inner));
    }

    /// Stops the work, releases its sockets and forgets what was not taken.
    pub fn close(&self) {
        self.stop.cancel();
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        let call = state.call.take();
        state.input.clear();
        state.running.clear();
        state.ready.clear();
        state.early.clear();
        self.wake(state);
        self.collector.finish();
        drop(call);
    }

    /// The deadline has come: whatever is not finished fails with it, and the source is read no further.
    fn expire(&self, limit: Duration) {
        self.stop.cancel();
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let begun = std::mem::take(&mut state.running).into_iter().map(|(index, request)| (index, request, 1));
        let waiting = std::mem::take(&mut state.input).into_iter().map(|(index, _, request)| (index, request, 0));
        let mut missing: Vec<_> = begun.chain(waiting).collect();
        missing.sort_unstable_by_key(|(index, ..)| *index);
        let seconds = limit.as_secs_f64();
        let error = |request, index, attempts| {
            let phase = if attempts == 0 { Phase::Queue } else { Phase::Headers };
            self.collector.record_failure(Kind::DeadlineExceeded);
            let message = format!("not finished before the stream's deadline of {seconds} s");
            let failure = Failure::new(Kind::DeadlineExceeded, phase, message);
            Err(Error::new(failure, request, index, attempts, self.started.elapsed()))
        };
        // A source that has more is cut off: that is told as well, once.
        if !state.exhausted && missing.is_empty() {
            let index = state.next_in;
            state.next_in += 1;
            state.settle(self.options.ordered, index, error(None, index, 0));
        }
        for (index, request, attempts) in missing {
            state.settle(self.options.ordered, index, error(Some(request), index, attempts));
        }
        state.exhausted = true;
        self.wake(state);
    }

    /// Whether a result waits to be taken.
    pub fn is_ready(&self) -> bool {
        !self.lock().ready.is_empty()
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

impl<T> State<T> {
    fn settle(&mut self, ordered: bool, index: usize, outcome: Outcome) {
        if !ordered {
            self.ready.push_back((index, outcome));
            return;
        }
        self.early.insert(index, outcome);
        while let Some(outcome) = self.early.remove(&self.next_out) {
            self.ready.push_back((self.next_out, outcome));
            self.next_out += 1;
        }
    }
}
