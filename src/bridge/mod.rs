//! Between Rust and Python: jobs, promises, waking event loops, signals, the end of the interpreter.

pub mod awaiting;
pub mod callbacks;
pub mod detach;
pub mod interrupt;
pub mod job;
pub mod lend;
pub mod lifecycle;
pub mod outcome;
pub mod port;
pub mod progress;
pub mod promise;
pub mod single;
pub mod unwatched;
pub mod work;
