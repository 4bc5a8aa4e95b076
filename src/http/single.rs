//! Single requests, each a job of its own, on tasks that are reused.
//!
//! A new task per request allocates some kilobytes for the state of an exchange, and moves the state there. A task that
//! has finished a request waits for the next one instead, and the exchange uses the same memory.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use pyo3::prelude::*;
use tokio::sync::oneshot::{self, Sender};

use super::results::single_result;
use crate::bridge::job::Job;
use crate::bridge::job_result::{Work, WorkResult, completion_pair, once};
use crate::bridge::lifecycle::runtime_error;
use crate::bridge::unobserved::CallSite;
use shoal_http::attempts::Fetcher;
use shoal_http::completion::Promise;
use shoal_http::request::Request;
use shoal_http::stats::{Collector, Stats};
use shoal_runtime::submit;

/// Maximum number of idle tasks. A task that becomes idle beyond it ends.
const MAX_IDLE: usize = 128;

struct SingleRequest {
    collector: Arc<Collector>,
    /// Set by the task at its end, or by a cancellation. Whichever sets it first settles the job.
    over: AtomicBool,
    cancelled: AtomicWaker,
}

impl Work for SingleRequest {
    fn name(&self) -> &'static str {
        "request"
    }

    fn cancel(&self) -> Option<WorkResult> {
        if self.over.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.cancelled.wake();
        Some(WorkResult::Cancelled(None))
    }

    fn progress(&self) -> (usize, Option<usize>) {
        (usize::from(self.over.load(Ordering::Acquire)), Some(1))
    }

    fn stats(&self) -> Stats {
        self.collector.snapshot()
    }
}

/// A request that waits for a task.
struct PendingRequest {
    single: Arc<SingleRequest>,
    fetcher: Fetcher,
    request: Arc<Request>,
    promise: Promise<WorkResult>,
}

thread_local! {
    /// The idle tasks, on the reactor's thread: each waits for a request from its channel.
    static IDLE: RefCell<Vec<Sender<PendingRequest>>> = const { RefCell::new(Vec::new()) };
}

/// Starts a request, and returns its job.
pub fn start_request(py: Python<'_>, fetcher: Fetcher, request: Request) -> PyResult<Py<Job>> {
    let (completion, promise) = completion_pair();
    let single = Arc::new(SingleRequest {
        collector: fetcher.collector.clone(),
        over: AtomicBool::new(false),
        cancelled: AtomicWaker::new(),
    });
    let pending = PendingRequest { single: single.clone(), fetcher, request: Arc::new(request), promise };
    submit(Box::new(move || pending.dispatch())).map_err(|error| runtime_error(&error))?;
    Job::create(py, completion, single, None, CallSite::here(py, false))
}

impl PendingRequest {
    /// Passes the request to an idle task, or to a new one.
    fn dispatch(self) {
        match IDLE.with_borrow_mut(Vec::pop) {
            // `send` fails only while the reactor shuts down and drops its tasks.
            Some(task) => drop(task.send(self)),
            None => drop(tokio::spawn(run(self))),
        }
    }

    /// Fetches the request, unless it is cancelled first.
    async fn execute(self) {
        let Self { single, fetcher, request, promise } = self;
        let outcome = {
            let mut fetch = pin!(fetcher.fetch(request, 0));
            let mut registered = false;
            poll_fn(|context| {
                if !registered {
                    // Once is enough: the waker of a task stays the same.
                    single.cancelled.register(context.waker());
                    registered = true;
                }
                let over = single.over.load(Ordering::Acquire);
                if over { Poll::Ready(None) } else { fetch.as_mut().poll(context).map(Some) }
            })
            .await
        };
        let Some(outcome) = outcome else { return };
        fetcher.collector.finish();
        // Before the job is settled: a job that is kept for its result must not keep the connections.
        drop(fetcher);
        if !single.over.swap(true, Ordering::AcqRel) {
            promise.settle(WorkResult::Done(once(|py| single_result(py, outcome))));
        }
    }
}

/// Executes one request after another.
async fn run(mut pending: PendingRequest) {
    loop {
        pending.execute().await;
        let (sender, next) = oneshot::channel();
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < MAX_IDLE {
                idle.push(sender);
            }
        });
        // Fails if there were too many idle tasks: then the sender is dropped, and this task ends.
        let Ok(next) = next.await else { return };
        pending = next;
    }
}
