//! `shoal.testing`: the embedded server as a Python class.

pub mod server;
