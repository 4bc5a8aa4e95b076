//! The only owner of threads: one lazy I/O reactor, one lazy pool for the cores, servers' own reactors, and the gate
//! out of the GIL.
//!
//! Everything is keyed by the fork generation ([`fork`]): a forked child finds its parent's threads dead, leaks them and
//! starts its own at first use.

pub mod cpu_placement;
mod dedicated;
mod finalize;
pub mod fork;
mod injection;
pub mod load;
mod lookups;
mod notifier;
pub mod pool;
mod reactor;
mod tick;

pub use dedicated::DedicatedRuntime;
pub use finalize::{FinalizeGuard, is_exit_thread, is_exiting, park_forever};
pub use lookups::lookup;
pub use notifier::{Notifier, notifier, spawn_thread};
pub use reactor::{
    RuntimeError, ensure_blocking_thread, is_second_reactor, panic_message, reactor_handle, shutdown, submit,
};
pub use tick::{OnTickEnd, at_tick_end};
