//! Single requests, each a job of its own, on tasks that are reused.
//!
//! A new task per request allocates some kilobytes for the state of an exchange, and moves the state there. A task that
//! has finished a request waits for the next one instead, and the exchange uses the same memory.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures_util::task::AtomicWaker;

use super::results::SingleResult;
use crate::bridge::job_result::WorkResult;
use shoal_http::attempts::Fetcher;
use shoal_http::completion::Promise;
use shoal_http::request::Request;
use shoal_http::stats::{Collector, Stats};
use shoal_runtime::{RuntimeError, submit};

/// The most tasks that wait for a request; further ones end.
const MAX_IDLE: usize = 128;

/// A request in progress.
pub struct SingleRequest {
    collector: Arc<Collector>,
    /// Set once, by the task or by a cancellation; the one that sets it settles the job.
    over: AtomicBool,
    cancelled: AtomicWaker,
}

/// A request on its way to a task.
struct Order {
    single: Arc<SingleRequest>,
    fetcher: Fetcher,
    request: Arc<Request>,
    promise: Promise<WorkResult>,
}

/// Where a task receives its next order.
#[derive(Default)]
struct Inbox(Mutex<Next>);

#[derive(Default)]
struct Next {
    order: Option<Order>,
    waker: Option<Waker>,
}

thread_local! {
    /// The inboxes of idle tasks, on the reactor's thread.
    static IDLE: RefCell<Vec<Arc<Inbox>>> = const { RefCell::new(Vec::new()) };
}

impl SingleRequest {
    /// Starts `request`, whose result settles `promise`.
    pub fn start(fetcher: Fetcher, request: Request, promise: Promise<WorkResult>) -> Result<Arc<Self>, RuntimeError> {
        let single = Arc::new(Self {
            collector: fetcher.collector.clone(),
            over: AtomicBool::new(false),
            cancelled: AtomicWaker::new(),
        });
        let order = Order { single: single.clone(), fetcher, request: Arc::new(request), promise };
        submit(Box::new(move || order.dispatch()))?;
        Ok(single)
    }

    /// Cancels the request; false if it has just ended.
    pub fn stop(&self) -> bool {
        if self.over.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.cancelled.wake();
        true
    }

    /// Whether the request has ended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// The statistics so far.
    pub fn snapshot(&self) -> Stats {
        self.collector.snapshot()
    }
}

impl Order {
    /// Passes the order to an idle task, or to a new one.
    fn dispatch(self) {
        match IDLE.with_borrow_mut(Vec::pop) {
            Some(inbox) => inbox.put(self),
            None => {
                let inbox = Arc::new(Inbox::default());
                inbox.put(self);
                tokio::spawn(run(inbox));
            }
        }
    }

    /// Fetches the request, unless it is cancelled first.
    async fn execute(self) {
        let Self { single, fetcher, request, promise } = self;
        let outcome = {
            let mut fetch = pin!(fetcher.fetch(request, 0));
            let mut registered = false;
            std::future::poll_fn(|context| {
                if !registered {
                    // Once is enough: the waker of a task stays the same.
                    single.cancelled.register(context.waker());
                    registered = true;
                }
                if single.is_over() { Poll::Ready(None) } else { fetch.as_mut().poll(context).map(Some) }
            })
            .await
        };
        let Some(outcome) = outcome else { return };
        fetcher.collector.finish();
        // A job that is kept for its result must not keep the connections.
        drop(fetcher);
        if !single.over.swap(true, Ordering::AcqRel) {
            promise.settle(WorkResult::Done(Box::new(SingleResult(Some(outcome)))));
        }
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Next> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, order: Order) {
        let mut next = self.lock();
        next.order = Some(order);
        let waker = next.waker.take();
        drop(next);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Executes orders, one after another.
async fn run(inbox: Arc<Inbox>) {
    loop {
        let order = std::future::poll_fn(|context| {
            let mut next = inbox.lock();
            match next.order.take() {
                Some(order) => Poll::Ready(order),
                None => {
                    next.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        order.await.execute().await;
        let kept = IDLE.with_borrow_mut(|idle| {
            let room = idle.len() < MAX_IDLE;
            if room {
                idle.push(inbox.clone());
            }
            room
        });
        if !kept {
            return;
        }
    }
}
