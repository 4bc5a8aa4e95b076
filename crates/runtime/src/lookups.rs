//! Name look-ups on threads of their own.
//!
//! `getaddrinfo` cannot be cancelled and blocks while the name server is silent, for 30 s and more. On its own thread an
//! abandoned look-up delays neither file operations nor the exit. Concurrent requests for one host share a look-up, so a
//! batch of hundreds needs one thread.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Condvar, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::fork::PerProcess;
use crate::mutex::Mutex;

/// Look-ups at the same time.
const MAX_THREADS: usize = 256;

/// `getaddrinfo` and the modules it loads need less than half of it. Only the pages that are used become resident.
const STACK_SIZE: usize = 1 << 20;

/// An idle thread ends after this time.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// A request joins a look-up that began within this time. An older one may hang where a new one would not.
const JOIN_WITHIN: Duration = Duration::from_secs(1);

type Addresses = io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct Lookups {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    /// First in, first out.
    waiting: VecDeque<Lookup>,
    running: Vec<Lookup>,
    threads: usize,
    idle: usize,
    /// The number of the last look-up.
    number: u64,
}

struct Lookup {
    number: u64,
    host: String,
    queued: Instant,
    waiters: Vec<oneshot::Sender<Addresses>>,
}

static CURRENT: PerProcess<Lookups> = PerProcess::new();

/// The addresses of a host, with port 0. Dropping the future abandons the look-up.
pub async fn lookup(host: &str) -> Addresses {
    let answer = current().ask(host)?;
    answer.await.unwrap_or_else(|_| Err(io::Error::other("the look-up was abandoned")))
}

fn current() -> &'static Lookups {
    CURRENT.get_or_init(Lookups::default)
}

impl Lookups {
    fn ask(&'static self, host: &str) -> io::Result<oneshot::Receiver<Addresses>> {
        let (waiter, answer) = oneshot::channel();
        let mut state = self.state.lock();
        let now = Instant::now();
        let joined = |lookup: &&mut Lookup| lookup.host == host && now - lookup.queued < JOIN_WITHIN;
        let State { waiting, running, .. } = &mut *state;
        if let Some(lookup) = waiting.iter_mut().chain(running).find(joined) {
            lookup.waiters.push(waiter);
            return Ok(answer);
        }
        // While all threads hang, abandoned look-ups must not pile up.
        state.waiting.retain(Lookup::is_wanted);
        state.number += 1;
        let lookup = Lookup { number: state.number, host: host.to_owned(), queued: now, waiters: vec![waiter] };
        state.waiting.push_back(lookup);
        if state.waiting.len() > state.idle && state.threads < MAX_THREADS {
            let thread = std::thread::Builder::new().name("shoal-lookup".into()).stack_size(STACK_SIZE);
            match thread.spawn(|| self.work()) {
                Ok(_) => state.threads += 1,
                // A running thread takes it.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    state.waiting.pop_back();
                    return Err(error);
                }
            }
        }
        drop(state);
        self.ready.notify_one();
        Ok(answer)
    }

    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            let Some(lookup) = state.waiting.pop_front() else {
                state.idle += 1;
                let waited = self.ready.wait_timeout(state, KEEP_ALIVE);
                let (back, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = back;
                state.idle -= 1;
                if timeout.timed_out() && state.waiting.is_empty() {
                    state.threads -= 1;
                    return;
                }
                continue;
            };
            if !lookup.is_wanted() {
                continue;
            }
            let (number, host) = (lookup.number, lookup.host.clone());
            state.running.push(lookup);
            drop(state);
            let found = (&*host, 0).to_socket_addrs().map(Iterator::collect);
            state = self.state.lock();
            if let Some(at) = state.running.iter().position(|lookup| lookup.number == number) {
                let waiters = state.running.swap_remove(at).waiters;
                drop(state);
                for waiter in waiters {
                    // Fails for an abandoned request.
                    let _ = waiter.send(copy(&found));
                }
                state = self.state.lock();
            }
        }
    }
}

impl Lookup {
    fn is_wanted(&self) -> bool {
        self.waiters.iter().any(|waiter| !waiter.is_closed())
    }
}

/// A copy of a result. `io::Error` cannot be cloned; those of `getaddrinfo` have a number, or a kind and a message.
fn copy(found: &Addresses) -> Addresses {
    match found {
        Ok(addresses) => Ok(addresses.clone()),
        Err(error) => Err(match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
