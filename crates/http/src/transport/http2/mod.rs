//! HTTP/2 over the `h2` crate: one connection for all requests to an origin.
//!
//! `h2` implements the protocol: frames, HPACK, flow control, stream states. This module keeps connections, turns
//! requests and bodies into streams, and bounds the work that a peer can cause.
//!
//! - [`connection`] is a connection and its driver, the task that reads and writes; the driver closes it when idle.
//! - [`exchange`] is one request on a stream, and the body of its response.
//! - [`watch`] sits between `h2` and the socket and counts frames that advance no request.
//! - [`pool`] keeps the connections of a client.

mod connection;
mod exchange;
mod pool;
mod watch;

pub(crate) use self::connection::Connection;
pub(crate) use self::exchange::Incoming;
pub(crate) use self::pool::Pool;
