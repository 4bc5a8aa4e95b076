//! An HTTP/2 connection, and the task that drives it.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::time::{Instant, sleep};

use super::watch::{Watched, Wire};
use crate::descriptors::Counted;
use crate::transport::options::IDLE_TIMEOUT;
use crate::transport::reqwest_connector::Io;
use shoal_runtime::Mutex;

/// Bytes that a peer may send before they are read, on a stream and on all of them (hyper's values). A line has more than
/// 2 MB in flight from 1 Gbit/s at 16 ms on.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;

/// The most bytes of a decoded head, as for HTTP/1.
const MAX_HEAD: u32 = 400 << 10;

/// How long a closing connection may take to send GOAWAY.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection to an origin. Dropping it ends the connection after the requests in flight.
pub(crate) struct Connection {
    /// `None` once the connection is closing.
    sender: Arc<Sender>,
    pub(super) wire: Arc<Wire>,
}

impl Connection {
    /// Sends the preface, and spawns the driver on the current runtime.
    pub(super) async fn begin(io: Box<dyn Io>, permit: Counted) -> Result<Self, h2::Error> {
        let wire = Arc::new(Wire::default());
        let (sender, connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD)
            .enable_push(false)
            .handshake(Watched::new(io, wire.clone()))
            .await?;
        let sender = Arc::new(Mutex::new(Some(sender)));
        tokio::spawn(drive(connection, sender.clone(), wire.clone(), permit));
        Ok(Self { sender, wire })
    }

    /// A handle to open a stream with; `None` if the connection is closing.
    pub(super) fn sender(&self) -> Option<SendRequest<Bytes>> {
        self.sender.lock().clone()
    }

    /// Whether it takes another request.
    pub(super) fn takes_requests(&self) -> bool {
        !self.wire.going_away.load(Ordering::Relaxed) && self.sender.lock().is_some()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.sender.lock().take());
        self.wire.waker.wake();
    }
}

type Sender = Mutex<Option<SendRequest<Bytes>>>;

/// Reads and writes until the connection ends or has idled for [`IDLE_TIMEOUT`].
async fn drive(connection: client::Connection<Watched, Bytes>, sender: Arc<Sender>, wire: Arc<Wire>, permit: Counted) {
    let mut connection = pin!(connection);
    // The timer is reset when it fires, not with every request.
    let mut timer = pin!(sleep(IDLE_TIMEOUT));
    let mut idle_since = Instant::now();
    let mut closing = false;
    poll_fn(|context| {
        wire.waker.register(context.waker());
        if wire.abandoned.load(Ordering::Relaxed) || connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let (now, in_use) = (Instant::now(), wire.open.load(Ordering::Relaxed) > 0);
        if in_use {
            (idle_since, closing) = (now, false);
        } else if !closing && sender.lock().is_none() {
            closing = true;
            timer.as_mut().reset(now + CLOSE_TIMEOUT);
        }
        while timer.as_mut().poll(context).is_ready() {
            if closing {
                return Poll::Ready(());
            }
            if idle_since + IDLE_TIMEOUT <= now {
                // Without a sender, h2 sends GOAWAY and ends the connection.
                drop(sender.lock().take());
                closing = true;
                timer.as_mut().reset(now + CLOSE_TIMEOUT);
            } else {
                timer.as_mut().reset(idle_since + IDLE_TIMEOUT);
            }
        }
        Poll::Pending
    })
    .await;
    drop(sender.lock().take());
    drop(permit);
}
