//! The test server as Python sees it.

pub mod server;
