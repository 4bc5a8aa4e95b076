//! HTTP/1.1 with as little as possible between the URL and the socket.
//!
//! A request takes an idle connection of its origin or makes one, writes its head in one system call, and reads the
//! response in its own task. There is no task per connection, no channel and no wake-up between tasks. A small response
//! is one read into a buffer that all connections of a thread share; head and body are copied out in their final size. A
//! body of known length is received straight into its final buffer.
//!
//! - [`client`] carries out exchanges and reads bodies.
//! - [`connection`] is a connection with one request at a time, [`stream`] its TCP, TLS or reqwest stream.
//! - [`request`] writes heads. [`response`] reads them with `httparse` and determines the framing of the body;
//!   [`lenient`] reads the heads that `httparse` refuses.
//! - [`chunked`] decodes `Transfer-Encoding: chunked`.
//! - [`connect`] makes connections: Happy Eyeballs through hyper-util, TLS through rustls. [`pool`] keeps the idle ones.
//!
//! Upgrades are not supported. The framing of a request body is decided here, whatever `Transfer-Encoding` or
//! `Content-Length` the caller gave.

mod chunked;
mod client;
mod connect;
mod connection;
mod lenient;
mod pool;
mod request;
mod response;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;

pub(crate) use self::client::{Http1, Incoming, origin};
pub(crate) use self::connection::Connection;
pub use self::response::parse;
pub(crate) use self::stream::Stream;
