//! Name look-ups, on threads of their own.
//!
//! `getaddrinfo` blocks, for as long as the name server is silent (30 s and more), and can't be cancelled. So a look-up
//! that nobody waits for any more is left to its thread: nothing else ever waits for that one, neither file nor exit.
//! Requests for one host that come together share a look-up: a batch of hundreds to one host needs one thread.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::fork::PerProcess;

/// The most look-ups at the same time.
const MAX_THREADS: usize = 256;

/// `getaddrinfo` and the modules it loads need less than half of it; only what is used of it is ever touched.
const STACK: usize = 1 << 20;

/// A thread without work ends after this long.
const LINGER: Duration = Duration::from_secs(2);

/// Who comes later than this after the beginning of a look-up does not join it: it may hang where a new one would not.
const JOINED_WITHIN: Duration = Duration::from_secs(1);

type Addresses = io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct Lookups {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    /// In the order of the calls.
    waiting: VecDeque<Lookup>,
    running: Vec<Lookup>,
    threads: usize,
    idle: usize,
    /// The number of the next look-up.
    next: u64,
}

struct Lookup {
    number: u64,
    host: String,
    asked: Instant,
    askers: Vec<oneshot::Sender<Addresses>>,
}

static CURRENT: PerProcess<Lookups> = PerProcess::new();

/// The addresses of a host, with port 0. Dropping the future leaves the look-up to itself.
pub async fn lookup(host: &str) -> Addresses {
    let answer = current().ask(host)?;
    answer.await.unwrap_or_else(|_| Err(io::Error::other("the look-up was given up")))
}

fn current() -> &'static Lookups {
    CURRENT.get_or_init(Lookups::default)
}

impl Lookups {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&'static self, host: &str) -> io::Result<oneshot::Receiver<Addresses>> {
        let (asker, answer) = oneshot::channel();
        let mut state = self.lock();
        let now = Instant::now();
        let joined = |lookup: &&mut Lookup| lookup.host == host && now - lookup.asked < JOINED_WITHIN;
        let State { waiting, running, .. } = &mut *state;
        if let Some(lookup) = waiting.iter_mut().chain(running).find(joined) {
            lookup.askers.push(asker);
            return Ok(answer);
        }
        // Those that hang must not let the others pile up.
        state.waiting.retain(Lookup::is_wanted);
        state.next += 1;
        let lookup = Lookup { number: state.next, host: host.to_owned(), asked: now, askers: vec![asker] };
        state.waiting.push_back(lookup);
        if state.waiting.len() > state.idle && state.threads < MAX_THREADS {
            let thread = std::thread::Builder::new().name("shoal-lookup".into()).stack_size(STACK);
            match thread.spawn(|| self.work()) {
                Ok(_) => state.threads += 1,
                // One of the others does it.
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
        let mut state = self.lock();
        loop {
            let Some(lookup) = state.waiting.pop_front() else {
                state.idle += 1;
                let waited = self.ready.wait_timeout(state, LINGER);
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
            state = self.lock();
            if let Some(at) = state.running.iter().position(|lookup| lookup.number == number) {
                let askers = state.running.swap_remove(at).askers;
                drop(state);
                for asker in askers {
                    // Whoever has gone does not need it.
                    let _ = asker.send(copy(&found));
                }
                state = self.lock();
            }
        }
    }
}

impl Lookup {
    fn is_wanted(&self) -> bool {
        self.askers.iter().any(|asker| !asker.is_closed())
    }
}

/// An `io::Error` can't be cloned; its kind, number and words are all there is to it here.
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
mod tests {
    use super::*;

    #[test]
    fn look_ups_share_threads_and_answers() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let all = futures_util::future::join_all((0..500).map(|_| lookup("localhost"))).await;
            assert!(all.iter().all(|found| found.as_ref().unwrap().iter().any(|address| address.ip().is_loopback())));
            let unknown = lookup(&"a".repeat(300)).await.unwrap_err();
            assert!(!unknown.to_string().is_empty());
        });
        let threads = current().lock().threads;
        assert!((1..8).contains(&threads), "{threads}");
        let until = Instant::now() + 10 * LINGER;
        while current().lock().threads > 0 {
            assert!(Instant::now() < until);
            std::thread::sleep(LINGER / 20);
        }
    }

    #[test]
    fn an_error_is_copied_with_its_number_and_its_words() {
        let numbered = copy(&Err(io::Error::from_raw_os_error(24))).unwrap_err();
        assert_eq!(numbered.raw_os_error(), Some(24));
        let worded = copy(&Err(io::Error::new(io::ErrorKind::NotFound, "no such host"))).unwrap_err();
        assert_eq!((worded.kind(), worded.to_string().as_str()), (io::ErrorKind::NotFound, "no such host"));
    }
}
