//! The embedded HTTP server for tests, demos and benchmarks.
//!
//! It parses HTTP/1.1 with `httparse` and writes responses to the socket itself. [`dispatch`] finds the handler of a
//! route, which returns an [`answer::Answer`] without waiting; [`connection`] sends it. A fault is an [`answer::Script`]
//! of steps (send bytes, wait, stay silent, reset), so each one takes a few lines and the ordinary routes pay nothing for
//! it. hyper would refuse to send most of the faults.
//!
//! It runs on a [`shoal_runtime::DedicatedRuntime`], so it shares no thread with the client under test.

mod answer;
mod auth;
mod body;
mod coding;
mod connection;
mod content;
mod context;
mod cookies;
mod counters;
mod dispatch;
mod echo;
mod fault;
mod fault_coding;
mod head;
mod input;
mod json;
mod listener;
mod names;
mod players;
mod range;
mod route;
mod stats_api;
mod text;

pub use counters::Stats;
pub use listener::{Options, Server};
