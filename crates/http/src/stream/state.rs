//! The requests and results between the source and the consumer of a stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use crate::attempts::{FetchResult, Fetcher};
use crate::completion::Waiter;
use crate::request::Request;

/// A request that waits for a worker: its index, since when, and the request.
pub(super) type Queued = (usize, Instant, Arc<Request>);

/// The state of a stream, behind its lock.
pub(super) struct State<T> {
    /// Until `FetchStream::run` takes it.
    pub fetcher: Option<Arc<Fetcher<T>>>,
    pub input: VecDeque<Queued>,
    /// The request of each worker.
    pub running: Vec<Option<(usize, Arc<Request>)>>,
    /// Idle workers.
    pub idle: Vec<Waker>,
    /// `FetchStream::dispatch`, while it sleeps.
    pub dispatcher: Option<Waker>,
    pub ready: VecDeque<(usize, FetchResult)>,
    /// Results from index `next_out` on that wait for earlier ones.
    pub early: VecDeque<Option<FetchResult>>,
    pub next_out: usize,
    pub closed: bool,
    pub waiters: Vec<(Arc<dyn Waiter>, u64)>,
    /// Threads in `FetchStream::wait`.
    pub blocked: usize,
    /// They are woken at the end of the current tick of the reactor.
    pub tick_pending: bool,
}

impl<T> State<T> {
    pub fn new(fetcher: Arc<Fetcher<T>>) -> Self {
        Self {
            fetcher: Some(fetcher),
            input: VecDeque::new(),
            running: Vec::new(),
            idle: Vec::new(),
            dispatcher: None,
            ready: VecDeque::new(),
            early: VecDeque::new(),
            next_out: 0,
            closed: false,
            waiters: Vec::new(),
            blocked: 0,
            tick_pending: false,
        }
    }

    /// Adds a result. If the stream is `ordered`, it is ready once all results before it are.
    pub fn settle(&mut self, ordered: bool, index: usize, result: FetchResult) {
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
    pub fn begin(&mut self, number: usize) -> Option<Queued> {
        let (index, queued, request) = self.input.pop_front()?;
        if let Some(running) = self.running.get_mut(number) {
            *running = Some((index, request.clone()));
        }
        Some((index, queued, request))
    }
}
