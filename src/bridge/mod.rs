//! The bridge between Rust and Python: jobs, streams, event loops, signals, finalisation.
//!
//! A Python object that a Rust thread holds can only be dropped with the GIL, which deadlocks or aborts at a fork and at
//! exit. So no Python object enters the runtime. Work receives owned Rust data and ends in a
//! [`Completion`](shoal_http::completion::Completion) of owned Rust data, which becomes Python objects on the thread
//! that asks for the result.
//!
//! - `job`: the `Job` class. `job_state` waits for the work and cancels it, `job_result` holds its result and converts it
//!   through `into_python`, `work` is the interface of the work itself.
//! - `stream`: the `Stream` class. `source` reads a plain iterable, `async_source` an async one.
//! - `promise`: the producing end of a job whose work is done by Python code.
//! - `loop_waker`: wakes an event loop from the reactor without the GIL, once per batch of completions.
//! - `detach`: the only place that releases or takes the GIL; `yield_gil` does so inside long loops.
//! - `lifecycle`, `interrupt`: the interpreter's exit, Ctrl-C.
//! - `callbacks`, `progress`, `unobserved`: `add_done_callback`, `progress=`, reports of dropped jobs.

pub mod async_source;
pub mod call_site;
pub mod callbacks;
pub mod coroutine;
pub mod detach;
pub mod event_loop;
pub mod exceptions;
pub mod interrupt;
pub mod into_python;
pub mod job;
pub mod job_result;
pub mod job_state;
pub mod lifecycle;
pub mod loop_waker;
pub mod progress;
pub mod promise;
pub mod repr;
pub mod runtime;
pub mod source;
pub mod stats;
pub mod stream;
pub mod unobserved;
mod wake_fd;
pub mod work;
pub mod yield_gil;
