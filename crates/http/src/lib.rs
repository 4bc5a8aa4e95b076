//! The HTTP engine, without Python: clients, batches, streams, attempts, limits, cookies, bodies and transports.
//!
//! From the outside in:
//!
//! - A [`client`] has options and, for each process, a session: connections, limits, cookies.
//! - A [`batch`] or a [`stream`] keeps `concurrency` requests in flight. Its workers pull the next request when they
//!   have finished one, so nothing is spawned per request.
//! - [`attempts`] carries out one request: it waits for a permit ([`limits`]), makes an attempt, and decides whether to
//!   [`retry`]. Every result and its times go to [`stats`].
//! - `redirects` is one attempt: it adds [`cookies`], follows redirects, and loads the final body into memory or a file
//!   (`body`, [`save`]).
//! - A [`transport`] sends one request over one connection and knows nothing of the above.
//!
//! All that holds for every protocol is decided once, above the transports. An [`error`] gets its kind where it occurs.
//! A result is handed to its waiters, threads and event loops, by a [`completion`].
//!
//! What a server sends decides neither how long the reactor is busy (`pace`) nor how much memory is taken ([`memory`]).

pub mod attempts;
pub mod batch;
mod body;
pub mod client;
pub mod completion;
pub mod control_bytes;
pub mod cookies;
mod deadline;
mod descriptors;
pub mod error;
mod error_kind;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod headers;
pub mod items;
pub mod limits;
pub mod links;
pub mod memory;
mod named;
mod pace;
pub mod prefault;
pub mod redact;
mod redirects;
pub mod request;
pub mod response;
pub mod retry;
pub mod save;
pub mod settings;
pub mod stats;
pub mod stream;
pub mod transport;
pub mod urls;
