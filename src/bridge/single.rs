//! Requests that come one by one, each a job of its own, carried out by tasks that are used again.
//!
//! A task of its own for each request costs an allocation of some kilobytes, for all that an exchange may need to keep
//! while it waits, and moving that there. A task that has carried one out waits for the next instead, and the exchange
//! takes place where the last one did.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures_util::task::AtomicWaker;

use super::outcome::Ended;
use crate::http::harvest::One;
use shoal_http::attempts::Fetcher;
use shoal_http::completion::Promise;
use shoal_http::request::Request;
use shoal_http::stats::{Collector, Stats};
use shoal_runtime::{RuntimeError, submit};

/// Tasks that wait for work; more of them end.
const IDLE: usize = 128;

/// One request under way.
pub struct Single {
    collector: Arc<Collector>,
    /// Turned once, by its task or by whoever cancels: the one who does it ends the job.
    over: AtomicBool,
    cancelled: AtomicWaker,
}

/// What a task needs to carry it out.
struct Order {
    single: Arc<Single>,
    call: Fetcher,
    request: Arc<Request>,
    promise: Promise<Ended>,
}

/// A task's place for its next order.
#[derive(Default)]
struct Place(Mutex<Next>);

#[derive(Default)]
struct Next {
    order: Option<Order>,
    waker: Option<Waker>,
}

thread_local! {
    /// Places of tasks without an order. On the reactor's thread.
    static WAITING: RefCell<Vec<Arc<Place>>> = const { RefCell::new(Vec::new()) };
}

impl Single {
    /// Starts `request`; how it ends goes to `promise`.
    pub fn start(call: Fetcher, request: Request, promise: Promise<Ended>) -> Result<Arc<Self>, RuntimeError> {
        let single = Arc::new(Self {
            collector: call.collector.clone(),
            over: AtomicBool::new(false),
            cancelled: AtomicWaker::new(),
        });
        let order = Order { single: single.clone(), call, request: Arc::new(request), promise };
        submit(Box::new(move || order.hand_over()))?;
        Ok(single)
    }

    /// Stops it; `false` if it has just ended by itself.
    pub fn stop(&self) -> bool {
        if self.over.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.cancelled.wake();
        true
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// What has happened so far.
    pub fn snapshot(&self) -> Stats {
        self.collector.snapshot()
    }
}

impl Order {
    /// Gives it to a task that waits, or to a new one.
    fn hand_over(self) {
        match WAITING.with_borrow_mut(Vec::pop) {
            Some(place) => place.put(self),
            None => {
                let place = Arc::new(Place::default());
                place.put(self);
                tokio::spawn(work(place));
            }
        }
    }

    /// Carries it out, unless it is cancelled before it has ended.
    async fn carry_out(self) {
        let Self { single, call, request, promise } = self;
        let outcome = {
            let mut fetched = pin!(call.fetch(request, 0));
            let mut watched = false;
            std::future::poll_fn(|context| {
                if !watched {
                    // A task keeps its waker.
                    single.cancelled.register(context.waker());
                    watched = true;
                }
                if single.is_over() { Poll::Ready(None) } else { fetched.as_mut().poll(context).map(Some) }
            })
            .await
        };
        let Some(outcome) = outcome else { return };
        call.collector.finish();
        // Whoever keeps the job for its result must not keep its connections.
        drop(call);
        if !single.over.swap(true, Ordering::AcqRel) {
            promise.settle(Ended::Done(Box::new(One(Some(outcome)))));
        }
    }
}

impl Place {
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

/// Carries out one order after the other.
async fn work(place: Arc<Place>) {
    loop {
        let order = std::future::poll_fn(|context| {
            let mut next = place.lock();
            match next.order.take() {
                Some(order) => Poll::Ready(order),
                None => {
                    next.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        order.await.carry_out().await;
        let kept = WAITING.with_borrow_mut(|waiting| {
            let room = waiting.len() < IDLE;
            if room {
                waiting.push(place.clone());
            }
            room
        });
        if !kept {
            return;
        }
    }
}
