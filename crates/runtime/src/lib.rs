//! The only owner of threads: one lazy I/O reactor, one lazy pool for the cores, servers' own reactors, and the gate
//! out of the GIL.
//!
//! Everything is keyed by the fork generation ([`fork`]): a forked child finds its parent's threads dead, leaks them and
//! starts its own at first use.

mod closing;
mod dedicated;
pub mod fork;
mod intake;
mod io;
pub mod load;
mod lookups;
mod notifier;
pub mod pool;
pub mod spread;
pub mod turn;

pub use closing::{Pass, enter, is_closer, is_closing, stay};
pub use dedicated::Dedicated;
pub use io::{ShutDown, handle, is_second, may_block, panic_message, shutdown, submit};
pub use lookups::lookup;
pub use notifier::{Notifier, notifier, thread};
