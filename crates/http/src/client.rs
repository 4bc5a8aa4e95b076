//! What the requests of one client share: connections, limiter, cookies, headers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;

use super::cookies::CookieJar;
use super::limits::{Limiter, Limits};
use super::save::WriteQueue;
use super::transport::{ConnectionOptions, Router};
use shoal_runtime::fork::ForkGuard;

/// How a client is made; copied into a forked child, where everything else is made anew.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// TLS, proxies, HTTP version.
    pub connections: ConnectionOptions,
    /// In flight at once, per host, per second.
    pub limits: Limits,
    /// Sent with every request, unless the call or the item has its own.
    pub headers: HeaderMap,
    /// Sent with every request.
    pub cookies: Vec<(String, String)>,
}

/// The shared parts, good for one process. Over any transport: everything above it is the same.
pub struct Session<T = Router> {
    /// Moves the bytes. A child leaves its parent's connections alone.
    pub transport: ForkGuard<T>,
    /// Decides whose turn it is.
    pub limiter: Arc<Limiter>,
    /// Keeps what servers set.
    pub jar: CookieJar,
    /// Writes small bodies to their files.
    pub saves: Arc<WriteQueue>,
}

/// A client: a configuration and, from the first request on, a session.
pub struct Client {
    config: ClientOptions,
    session: Mutex<Option<Arc<Session>>>,
    closed: AtomicBool,
}

impl Client {
    /// Checks the configuration (a bad certificate file is told at once); connects to nothing.
    pub fn new(config: ClientOptions) -> Result<Self, String> {
        let session = Session::new(&config, None)?;
        Ok(Self { config, session: Mutex::new(Some(Arc::new(session))), closed: AtomicBool::new(false) })
    }

    /// How it was made.
    pub fn config(&self) -> &ClientOptions {
        &self.config
    }

    /// The session of this process. A forked child gets one with connections of its own and a copy of the cookies.
    pub fn session(&self) -> Result<Arc<Session>, String> {
        // Taken by threads that hold the GIL, and for a moment only: a fork, which holds it too, never copies it locked.
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(session) if !session.transport.is_inherited() => Ok(session.clone()),
            old => {
                let fresh = Arc::new(Session::new(&self.config, old.as_deref())?);
                *slot = Some(fresh.clone());
                Ok(fresh)
            }
        }
    }

    /// Whether [`Client::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Lets go of the connections; requests in flight keep theirs until they end.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(session);
    }
}

impl Session<Router> {
    fn new(config: &ClientOptions, parent: Option<&Self>) -> Result<Self, String> {
        let jar = match parent {
            Some(parent) => parent.jar.fork_copy(),
            None => {
                let jar = CookieJar::new();
                jar.seed(&config.cookies);
                jar
            }
        };
        Ok(Self::over(Router::new(&config.connections)?, config.limits.clone(), jar))
    }
}

impl<T> Session<T> {
    /// A session that sends through `transport`.
    pub fn over(transport: T, limits: Limits, jar: CookieJar) -> Self {
        let (limiter, saves) = (Arc::new(Limiter::new(limits)), Arc::default());
        Self { transport: ForkGuard::new(transport), limiter, jar, saves }
    }
}
