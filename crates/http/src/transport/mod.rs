//! How bytes are moved: one interface, two protocols, two ways to make a connection.
//!
//! - [`interface`] is what the engine above sees: a request goes out, a head and a body come back. [`timings`] records
//!   when that happened.
//! - [`router`] implements it: it picks a connection for each request, and the protocol follows from the connection.
//! - [`http1`] and [`http2`] speak the protocols.
//! - Connections are made by `http1`'s own connector, or by reqwest ([`reqwest_connector`]) through proxies ([`proxy`])
//!   and to `https` servers that may choose HTTP/2. [`discovery`] keeps a burst of requests from opening a connection
//!   each before the protocol is known.
//! - [`options`] and [`resolve`] are shared by both connectors; [`classify`] turns their errors into failures.

pub(crate) mod classify;
mod discovery;
pub mod http1;
mod http2;
mod interface;
mod no_proxy;
mod options;
mod proxy;
mod reqwest_connector;
mod resolve;
mod router;
mod timings;

pub(crate) use self::interface::reserve;
pub use self::interface::{Body, Head, Outgoing, Transport};
pub use self::options::{ConnectionOptions, Verify};
#[cfg(fuzzing)]
pub use self::reqwest_connector::{Connected, Io};
pub use self::router::Router;
pub use self::timings::{Snapshot, Timings, TransportKind};
