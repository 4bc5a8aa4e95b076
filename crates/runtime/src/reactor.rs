//! The I/O reactor: a current-thread tokio runtime on one named thread.
//!
//! One thread, because for small bodies a second one gives nothing, and a current-thread runtime never wakes a sibling.
//! A second one, with a runtime of its own, is started when large bodies leave the first no rest ([`load`]). Files, whose
//! system calls wait, go to a blocking pool.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use super::fork::PerProcess;
use super::injection::{Intake, Work};
use super::{finalize, load, tick};

/// Files that may wait at the same time.
const BLOCKING_THREADS: usize = 16;

struct Reactor {
    first: Thread,
    intake: Arc<Intake>,
    /// Started by [`load`] when the first has no rest; `None` if it could not be.
    second: OnceLock<Option<Thread>>,
}

/// A thread with a runtime.
struct Thread {
    handle: Handle,
    stop: CancellationToken,
    stopped: Mutex<Receiver<()>>,
}

thread_local! {
    static IS_SECOND: Cell<bool> = const { Cell::new(false) };
    /// When this reactor last made sure that it has a blocking thread.
    static BLOCKING: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A blocking thread without work ends after this long.
const LINGER: Duration = Duration::from_secs(2);

/// On a reactor, before `spawn_blocking`: an error where no thread can be started. tokio panics there, unless it has one
/// already, as it has for [`LINGER`] after the last time.
pub fn ensure_blocking_thread() -> std::io::Result<()> {
    let now = Instant::now();
    if BLOCKING.get().is_none_or(|since| now - since > LINGER / 2) {
        std::thread::Builder::new().name("shoal-blocking".into()).spawn(|| ())?;
        BLOCKING.set(Some(now));
    }
    Ok(())
}

static CURRENT: PerProcess<Reactor> = PerProcess::new();

/// Why there is no reactor, or no pool.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// [`shutdown`] was called: the interpreter is exiting.
    #[error("shoal was shut down because the interpreter is exiting")]
    Exiting,
    /// The thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The environment asks for what is no number of threads.
    #[error("{VARIABLE} must be a number of threads from 1 to 4096, not {0:?}", VARIABLE = super::pool::VARIABLE)]
    ThreadCount(String),
}

/// The reactor of this process, started at first use.
pub fn reactor_handle() -> Result<&'static Handle, RuntimeError> {
    Ok(&reactor()?.first.handle)
}

/// Runs `work`, which must be short, on the reactor's thread: cheaper than spawning there when much comes at once. If the
/// reactor is shut down before, `work` is dropped.
pub fn submit(work: Work) -> Result<(), RuntimeError> {
    reactor()?.intake.put(work);
    Ok(())
}

fn reactor() -> Result<&'static Reactor, RuntimeError> {
    if finalize::is_exiting() { Err(RuntimeError::Exiting) } else { CURRENT.get_or_try_init(start) }
}

/// Only of one that another first user was quicker than: the others are kept.
impl Drop for Reactor {
    fn drop(&mut self) {
        self.first.stop.cancel();
    }
}

/// The second reactor, started at first use; `None` where there is one core, and while the interpreter exits.
pub(super) fn second() -> Option<&'static Handle> {
    let reactor = reactor().ok()?;
    let start = || {
        let several = super::pool::thread_count().is_ok_and(|size| size > 1);
        several.then(|| Thread::start("shoal-io-2", |_| IS_SECOND.set(true)).ok()).flatten()
    };
    reactor.second.get_or_init(start).as_ref().map(|second| &second.handle)
}

/// Whether this is the second reactor's thread.
pub fn is_second_reactor() -> bool {
    IS_SECOND.get()
}

fn start() -> Result<Reactor, RuntimeError> {
    let intake = Arc::new(Intake::default());
    let taker = intake.clone();
    let first = Thread::start("shoal-io", move |runtime| {
        load::watch(runtime.handle().clone());
        runtime.spawn(tick::run());
        runtime.spawn(taker.run());
    })?;
    Ok(Reactor { first, intake, second: OnceLock::new() })
}

impl Thread {
    fn start(name: &str, begin: impl FnOnce(&Runtime) + Send + 'static) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("shoal-blocking")
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_keep_alive(LINGER)
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

    fn wait(&self, until: Instant) {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stopped.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// Stops reactor and pool for good: no new work, everything cancelled, at most `wait` until their threads and whoever
/// waited for them are gone. In a forked child that never used it there is nothing to stop.
pub fn shutdown(wait: Duration) {
    if !finalize::begin() {
        return;
    }
    let until = Instant::now() + wait;
    if let Some(reactor) = CURRENT.get() {
        let threads = [Some(&reactor.first), reactor.second.get().and_then(Option::as_ref)];
        threads.iter().flatten().for_each(|thread| thread.stop.cancel());
        threads.iter().flatten().for_each(|thread| thread.wait(until));
    }
    super::pool::wait_idle(until.saturating_duration_since(Instant::now()));
    finalize::close(until.saturating_duration_since(Instant::now()));
}

/// The words a panic was raised with.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
