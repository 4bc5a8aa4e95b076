//! The server: listens, accepts connections, and closes them when it is closed.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};

use crate::connection;
use crate::context::Shared;
use crate::counters::Stats;
use shoal_runtime::{DedicatedRuntime, fork};

/// Connections that wait to be accepted. A client that opens thousands at once must not wait for SYN retries.
const BACKLOG: u32 = 4096;
/// How long [`Server::close`] waits for its threads.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// The options of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address or name to listen on.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The delay of every answer of `/stats/…`.
    pub latency: Duration,
    /// Players in `/stats/commonallplayers`.
    pub players: usize,
    /// Threads that serve.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 0, latency: Duration::ZERO, players: 500, threads: 1 }
    }
}

/// A running server. Dropping it closes it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    generation: u32,
    running: Mutex<Option<Running>>,
}

struct Running {
    threads: DedicatedRuntime,
    /// Disconnected when the last task, and with it the last socket, is dropped.
    ended: Receiver<()>,
}

impl Server {
    /// Starts a server.
    pub fn start(options: &Options) -> io::Result<Self> {
        let threads = DedicatedRuntime::start("shoal-server", options.threads)?;
        let handle = threads.handle().ok_or_else(|| io::Error::other("the server's threads have stopped"))?;
        let listener = {
            let _reactor = handle.enter();
            listen(&options.host, options.port)?
        };
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options.latency, options.players));
        let (alive, ended) = channel();
        handle.spawn(accept(Open { listener, alive }, Arc::clone(&shared)));
        let running = Mutex::new(Some(Running { threads, ended }));
        Ok(Self { address, shared, generation: fork::generation(), running })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`, without a trailing slash.
    pub fn base_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("http://{address}")
    }

    /// Closes the port and every connection, and returns when they are closed, after 5 s at most. Does nothing if closed.
    pub fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut running) = running else { return };
        if self.generation != fork::generation() {
            // In a forked child the threads do not exist, and closing would take the parent's sockets out of the epoll
            // set both share.
            std::mem::forget(running);
            return;
        }
        running.threads.stop();
        let until = Instant::now() + CLOSE_WAIT;
        while running.ended.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
    }

    /// Whether [`Server::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The counters since the start or the last [`Server::reset_stats`].
    pub fn stats(&self) -> Stats {
        self.shared.counters.stats()
    }

    /// Requests of the route `path` and those below it: `/json`, `/fault`, `/fault/flaky`; `/` for all.
    pub fn requests(&self, path: &str) -> u64 {
        self.shared.counters.requests(path)
    }

    /// Requests that had `key=<key>` in their query.
    pub fn attempts(&self, key: &str) -> u64 {
        self.shared.counters.attempts(key)
    }

    /// Resets the counters.
    pub fn reset_stats(&self) {
        self.shared.counters.reset();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut failure = io::Error::new(io::ErrorKind::NotFound, format!("the name {host:?} has no address"));
    for address in addresses {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Dropped in this order: the port is closed before `alive` disconnects.
struct Open {
    listener: TcpListener,
    alive: Sender<()>,
}

async fn accept(open: Open, shared: Arc<Shared>) {
    loop {
        match open.listener.accept().await {
            Ok((stream, client)) => {
                let alive = open.alive.clone();
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    connection::serve(stream, client, shared).await;
                    drop(alive);
                });
            }
            // Probably out of descriptors, of which some will be closed soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
