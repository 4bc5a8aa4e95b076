//! What is between the source and the consumer of a stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use crate::attempts::{FetchResult, Fetcher};
use crate::completion::Waiter;
use crate::request::Request;

/// A request that waits for a worker: its place, since when, and it.
pub type Queued = (usize, Instant, Arc<Request>);

/// See [`FetchStream`](super::FetchStream).
pub struct State<T> {
    /// Until `FetchStream::run` has it.
    pub call: Option<Arc<Fetcher<T>>>,
    pub input: VecDeque<Queued>,
    /// What each worker is doing.
    pub running: Vec<Option<(usize, Arc<Request>)>>,
    /// Workers that have nothing to do.
    pub idle: Vec<Waker>,
    /// Of `FetchStream::run`, while it sleeps.
    pub employer: Option<Waker>,
    pub ready: VecDeque<(usize, FetchResult)>,
    /// What has overtaken `next_out`, from there on.
    pub early: VecDeque<Option<FetchResult>>,
    pub next_out: usize,
    pub closed: bool,
    pub waiters: Vec<(Arc<dyn Waiter>, u64)>,
    /// Threads in `FetchStream::wait`.
    pub blocked: usize,
    /// They will be told at the end of the reactor's turn.
    pub told: bool,
}

impl<T> State<T> {
    /// Nothing yet.
    pub fn new(call: Arc<Fetcher<T>>) -> Self {
        Self {
            call: Some(call),
            input: VecDeque::new(),
            running: Vec::new(),
            idle: Vec::new(),
            employer: None,
            ready: VecDeque::new(),
            early: VecDeque::new(),
            next_out: 0,
            closed: false,
            waiters: Vec::new(),
            blocked: 0,
            told: false,
        }
    }

    /// A result is there; it is ready if none before it is missing, or order does not matter.
    pub fn settle(&mut self, ordered: bool, index: usize, outcome: FetchResult) {
        if !ordered {
            self.ready.push_back((index, outcome));
            return;
        }
        let place = index - self.next_out;
        if self.early.len() <= place {
            self.early.resize_with(place + 1, || None);
        }
        if let Some(early) = self.early.get_mut(place) {
            *early = Some(outcome);
        }
        while let Some(outcome) = self.early.front_mut().and_then(Option::take) {
            self.early.pop_front();
            self.ready.push_back((self.next_out, outcome));
            self.next_out += 1;
        }
    }

    /// The next request, for this worker.
    pub fn begin(&mut self, number: usize) -> Option<Queued> {
        let (index, queued, request) = self.input.pop_front()?;
        if let Some(running) = self.running.get_mut(number) {
            *running = Some((index, request.clone()));
        }
        Some((index, queued, request))
    }
}
