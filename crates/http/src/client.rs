//! A client: its options, and what its requests share within one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cookies::CookieJar;
use super::limits::{Limiter, Limits};
use super::save::WriteQueue;
use super::transport::{ConnectionOptions, Router};
use shoal_runtime::Mutex;
use shoal_runtime::fork::ForkGuard;

/// The options of a client. A forked child makes its session from a copy of them.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// TLS, proxies, HTTP version.
    pub connections: ConnectionOptions,
    /// In flight at once, per host, per second.
    pub limits: Limits,
    /// Cookies sent with every request.
    pub cookies: Vec<(String, String)>,
}

/// What the requests of a client share in one process. Generic over the transport, for tests.
pub struct Session<T = Router> {
    /// Moves the bytes. A forked child leaves its parent's connections alone.
    pub transport: ForkGuard<T>,
    /// Gives permits to send.
    pub limiter: Arc<Limiter>,
    /// The cookies that servers set.
    pub jar: CookieJar,
    /// Writes small bodies to their files.
    pub(crate) saves: Arc<WriteQueue>,
}

/// A client and its session, until it is closed.
pub struct Client {
    options: ClientOptions,
    session: Mutex<Option<Arc<Session>>>,
    closed: AtomicBool,
}

impl Client {
    /// Checks the options, certificate files included. Opens no connection.
    pub fn new(options: ClientOptions) -> Result<Self, String> {
        let session = Session::new(&options, None)?;
        Ok(Self { options, session: Mutex::new(Some(Arc::new(session))), closed: AtomicBool::new(false) })
    }

    /// The session of this process. A forked child gets a new one, with a copy of the cookies.
    pub fn session(&self) -> Result<Arc<Session>, String> {
        // Locked only by threads that hold the GIL, and briefly. A fork holds the GIL, so it never copies a held lock.
        let mut slot = self.session.lock();
        match &*slot {
            Some(session) if !session.transport.is_inherited() => Ok(session.clone()),
            old => {
                let fresh = Arc::new(Session::new(&self.options, old.as_deref())?);
                *slot = Some(fresh.clone());
                Ok(fresh)
            }
        }
    }

    /// Whether [`Client::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Releases the connections; requests in flight keep theirs until they end.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let session = self.session.lock().take();
        drop(session);
    }
}

impl Session<Router> {
    fn new(options: &ClientOptions, parent: Option<&Self>) -> Result<Self, String> {
        let jar = match parent {
            Some(parent) => parent.jar.fork_copy(),
            None => CookieJar::new(&options.cookies),
        };
        Ok(Self::over(Router::new(&options.connections)?, options.limits.clone(), jar))
    }
}

impl<T> Session<T> {
    /// A session that sends through `transport`.
    pub fn over(transport: T, limits: Limits, jar: CookieJar) -> Self {
        let (limiter, saves) = (Arc::new(Limiter::new(limits)), Arc::default());
        Self { transport: ForkGuard::new(transport), limiter, jar, saves }
    }
}
