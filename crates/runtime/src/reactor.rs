//! The I/O reactor: a current-thread tokio runtime on one named thread.
//!
//! One thread, because a second one does not speed up small bodies, and a current-thread runtime never wakes a sibling.
//! [`load`] starts a second reactor while large bodies keep the first one busy. File operations, which block, run on
//! tokio's blocking pool.

use std::cell::Cell;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::error::RuntimeError;
use crate::fork::PerProcess;
use crate::mutex::Mutex;
use crate::{finalize, fork, load, pool, tick};

/// File operations that may block at the same time.
const BLOCKING_THREADS: usize = 16;

/// An idle blocking thread ends after this time.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(2);

type Work = Box<dyn FnOnce() + Send>;

struct Reactor {
    first: Thread,
    submitted: UnboundedSender<Work>,
    /// Started by [`load`]; `None` if that failed.
    second: OnceLock<Option<Thread>>,
}

/// A thread with a runtime.
struct Thread {
    handle: Handle,
    stop: CancellationToken,
    stopped: Mutex<Receiver<()>>,
}

static CURRENT: PerProcess<Reactor> = PerProcess::new();

thread_local! {
    static IS_SECOND: Cell<bool> = const { Cell::new(false) };
    /// When [`ensure_blocking_thread`] last started a thread for this reactor.
    static BLOCKING_CHECKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The reactor of this process, started at first use.
pub fn reactor_handle() -> Result<&'static Handle, RuntimeError> {
    Ok(&reactor()?.first.handle)
}

/// Runs `work`, which must be short, on the reactor's thread, or drops it if the reactor shuts down first.
///
/// All work that arrives in one tick wakes the reactor once. `Handle::spawn` from another thread writes to its eventfd
/// each time: a system call, and often a context switch, for each of the hundred requests that one tick of an event loop
/// starts.
pub fn submit(work: Work) -> Result<(), RuntimeError> {
    // Fails once the reactor has shut down, and drops the work.
    let _ = reactor()?.submitted.send(work);
    Ok(())
}

/// Makes sure that `spawn_blocking` on this reactor finds a thread; an error where none can be started.
///
/// tokio panics there, unless it has an idle one, as it does for [`BLOCKING_KEEP_ALIVE`] after the last call.
pub fn ensure_blocking_thread() -> std::io::Result<()> {
    let now = Instant::now();
    if BLOCKING_CHECKED.get().is_none_or(|since| now - since > BLOCKING_KEEP_ALIVE / 2) {
        std::thread::Builder::new().name("shoal-blocking".into()).spawn(|| ())?;
        BLOCKING_CHECKED.set(Some(now));
    }
    Ok(())
}

/// Whether this is the second reactor's thread.
pub fn is_second_reactor() -> bool {
    IS_SECOND.get()
}

/// Stops reactor and pool for good, and waits, `timeout` at most, for their threads and for the [`FinalizeGuard`]s of
/// other threads. Does nothing in a forked child that has not used them.
///
/// [`FinalizeGuard`]: crate::FinalizeGuard
pub fn shutdown(timeout: Duration) {
    if !finalize::begin() {
        return;
    }
    let deadline = Instant::now() + timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    if let Some(reactor) = CURRENT.get() {
        let threads = [Some(&reactor.first), reactor.second.get().and_then(Option::as_ref)];
        threads.iter().flatten().for_each(|thread| thread.stop.cancel());
        threads.iter().flatten().for_each(|thread| thread.wait(left()));
    }
    fork::wait_for_tasks(left());
    finalize::close(left());
}

fn reactor() -> Result<&'static Reactor, RuntimeError> {
    if finalize::is_exiting() { Err(RuntimeError::Exiting) } else { CURRENT.get_or_try_init(Reactor::start) }
}

/// The second reactor, started at first use; `None` with one core, and while the interpreter exits.
fn second() -> Option<&'static Handle> {
    let reactor = reactor().ok()?;
    let start = || {
        let is_multicore = pool::thread_count().is_ok_and(|count| count > 1);
        is_multicore.then(|| Thread::start("shoal-io-2", |_| IS_SECOND.set(true)).ok()).flatten()
    };
    reactor.second.get_or_init(start).as_ref().map(|second| &second.handle)
}

impl Reactor {
    fn start() -> Result<Self, RuntimeError> {
        let (submitted, receiver) = unbounded_channel();
        let first = Thread::start("shoal-io", |runtime| {
            load::watch(runtime.handle().clone(), second);
            runtime.spawn(tick::run());
            runtime.spawn(run_submitted(receiver));
        })?;
        Ok(Self { first, submitted, second: OnceLock::new() })
    }
}

/// Runs only for a reactor that lost the race of two first users; the published one is never dropped.
impl Drop for Reactor {
    fn drop(&mut self) {
        self.first.stop.cancel();
    }
}

async fn run_submitted(mut submitted: UnboundedReceiver<Work>) {
    while let Some(work) = submitted.recv().await {
        // A panic must not end this task.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(work));
    }
}

impl Thread {
    fn start(name: &str, begin: impl FnOnce(&Runtime) + Send + 'static) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("shoal-blocking")
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_keep_alive(BLOCKING_KEEP_ALIVE)
            .build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let (done, stopped) = channel();
        let token = stop.clone();
        std::thread::Builder::new().name(name.into()).spawn(move || {
            begin(&runtime);
            runtime.block_on(token.cancelled());
            // Drops every task, and with it every socket, without waiting for blocking calls.
            runtime.shutdown_background();
            let _ = done.send(());
        })?;
        Ok(Self { handle, stop, stopped: Mutex::new(stopped) })
    }

    fn wait(&self, timeout: Duration) {
        let stopped = self.stopped.lock();
        let _ = stopped.recv_timeout(timeout);
    }
}

/// A multi-thread runtime that is shut down when dropped, for a component that shares no thread with the clients: the test
/// server.
pub struct DedicatedRuntime(Option<Runtime>);

impl DedicatedRuntime {
    /// Starts `threads` threads called `name`.
    pub fn start(name: &str, threads: usize) -> io::Result<Self> {
        // tokio panics where it cannot start a thread; this returns an error.
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(|| ());
        thread.map_err(|error| io::Error::other(format!("a thread could not be started: {error}")))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name(name)
            .enable_io()
            .enable_time()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// The handle for spawning tasks; `None` after [`Self::stop`].
    pub fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }

    /// Drops all tasks without waiting for them.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for DedicatedRuntime {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
