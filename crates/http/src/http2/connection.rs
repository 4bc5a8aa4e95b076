//! A connection, and the task that drives it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::time::{Instant, sleep};

use super::watch::{Watched, Wire};
use crate::connections::IDLE;
use crate::descriptors::Counted;
use crate::http::Io;

/// What a peer may send ahead of who reads it, for a stream and for all of them: what hyper takes. More than 2 MB are
/// under way only on lines of more than 1 Gbit/s with 16 ms.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;

/// The most bytes of a head, decoded: what HTTP/1 may have.
const MAX_HEAD: u32 = 400 << 10;

/// How long a connection that ends may take to say so.
const PARTING: Duration = Duration::from_secs(1);

/// A connection to an origin. Dropped, it takes no more requests; those that are under way end first.
pub struct Connection {
    /// `None` once it has idled too long.
    sender: Arc<Mutex<Option<SendRequest<Bytes>>>>,
    /// What is known of it.
    pub wire: Arc<Wire>,
}

impl Connection {
    /// Begins to speak HTTP/2, and starts the driver on the runtime of the caller.
    pub async fn begin(io: Box<dyn Io>, open: Counted) -> Result<Self, h2::Error> {
        let wire = Arc::new(Wire::default());
        let (sender, connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD)
            .enable_push(false)
            .handshake(Watched::new(io, wire.clone()))
            .await?;
        let sender = Arc::new(Mutex::new(Some(sender)));
        tokio::spawn(drive(connection, sender.clone(), wire.clone(), open));
        Ok(Self { sender, wire })
    }

    /// Something to begin a stream with; `None` if the connection takes no more.
    pub fn sender(&self) -> Option<SendRequest<Bytes>> {
        lock(&self.sender).clone()
    }

    /// Whether it takes another request. The driver takes the sender out when the connection ends.
    pub fn takes_requests(&self) -> bool {
        !self.wire.going_away.load(Ordering::Relaxed) && lock(&self.sender).is_some()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(lock(&self.sender).take());
        self.wire.waker.wake();
    }
}

type Sender = Mutex<Option<SendRequest<Bytes>>>;

fn lock(sender: &Sender) -> MutexGuard<'_, Option<SendRequest<Bytes>>> {
    sender.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads and writes until the connection ends, or nobody wants it any more.
async fn drive(connection: client::Connection<Watched, Bytes>, sender: Arc<Sender>, wire: Arc<Wire>, open: Counted) {
    let mut connection = pin!(connection);
    // How long nobody has wanted it is looked at when the timer rings, and not with every request.
    let mut timer = pin!(sleep(IDLE));
    let mut idle_since = Instant::now();
    let mut parting = false;
    poll_fn(|context| {
        wire.waker.register(context.waker());
        if wire.abandoned.load(Ordering::Relaxed) || connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let (now, wanted) = (Instant::now(), wire.open.load(Ordering::Relaxed) > 0);
        if wanted {
            (idle_since, parting) = (now, false);
        } else if !parting && lock(&sender).is_none() {
            parting = true;
            timer.as_mut().reset(now + PARTING);
        }
        while timer.as_mut().poll(context).is_ready() {
            if parting {
                return Poll::Ready(());
            }
            if idle_since + IDLE <= now {
                // Without one, h2 says goodbye and ends the connection.
                drop(lock(&sender).take());
                parting = true;
                timer.as_mut().reset(now + PARTING);
            } else {
                timer.as_mut().reset(idle_since + IDLE);
            }
        }
        Poll::Pending
    })
    .await;
    drop(lock(&sender).take());
    drop(open);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::descriptors;

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_it_has_idled() {
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(async move {
            let mut server = h2::server::handshake(far).await.unwrap();
            while let Some(Ok((_, mut respond))) = server.accept().await {
                respond.send_response(http::Response::new(()), true).unwrap();
            }
        });
        let begun = Instant::now();
        let connection = Connection::begin(Box::new(near), descriptors::idle()).await.unwrap();
        tokio::time::sleep(IDLE / 2).await;
        let mut sender = connection.sender().unwrap().ready().await.unwrap();
        let (response, _) = sender.send_request(http::Request::get("http://a/").body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        drop(sender);
        assert!(connection.takes_requests());
        server.await.unwrap();
        assert!(begun.elapsed() >= IDLE && begun.elapsed() < 2 * IDLE);
        assert!(!connection.takes_requests());
    }
}
