//! The bridge between Rust and Python: jobs, streams, event loops, signals, finalisation.
//!
//! A Python object that a Rust thread holds can only be dropped with the GIL, which deadlocks or aborts at a fork and at
//! exit. So no Python object enters the runtime. Work receives owned Rust data and ends in a
//! [`Completion`](shoal_http::completion::Completion) of owned Rust data, which becomes Python objects on the thread
//! that asks for the result.
//!
//! - `job`: the `Job` class. `job_state` waits for the work and cancels it; `job_result` holds its result and converts it,
//!   and has the interfaces of work and result.
//! - `stream`: the `Stream` class. `source` reads a plain or async iterable.
//! - `promise`: the producing end of a job whose work is done by Python code.
//! - `loop_waker`: wakes an event loop from the reactor without the GIL, once per batch of completions.
//! - `detach`: the only place that releases or takes the GIL.
//! - `lifecycle`: the interpreter's exit; `event_loop`: the caller's loop, and Ctrl-C.
//! - `callbacks`, `progress`, `unobserved`: `add_done_callback`, `progress=`, reports of dropped jobs.

pub mod callbacks;
pub mod coroutine;
pub mod detach;
pub mod event_loop;
pub mod exceptions;
pub mod job;
pub mod job_result;
pub mod job_state;
pub mod lifecycle;
pub mod loop_waker;
pub mod progress;
pub mod promise;
pub mod repr;
pub mod source;
pub mod stats;
pub mod stream;
pub mod unobserved;
mod wake_fd;
