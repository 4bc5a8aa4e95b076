//! The embedded HTTP server for tests, demos and benchmarks, pure Rust.
//!
//! HTTP/1.1 written straight onto the socket with `httparse`: the routes decide, without waiting, what a request gets
//! ([`answer::Answer`]), and [`connection`] carries it out. A fault is a [`answer::Script`] of steps (send these bytes,
//! wait, fall silent, reset), so every lie a server can tell is a few lines, and the ordinary routes pay nothing for it.
//! No hyper: it would refuse to send most of what the fault routes have to send.
//!
//! It runs on a reactor of its own ([`shoal_runtime::DedicatedRuntime`]), so a client under test never shares a thread with it.

mod answer;
mod auth;
mod body;
mod coding;
mod connection;
mod content;
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
mod redirect;
mod route;
mod stats_api;
mod text;

pub use counters::Stats;
pub use listener::{Options, Server};
