//! Knows when the process is a forked child.
//!
//! Threads do not survive `fork`, so whatever belongs to one (reactors, connections, pending jobs) is of no use in the
//! child. Each such thing remembers the generation it was made in; a child has the next one.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(1);
static REGISTERED: Once = Once::new();

extern "C" fn child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    super::closing::forked();
    super::pool::forked();
}

/// The number of forks between the first use and this process, plus one. A load and no system call (`getpid` costs
/// 50 ns and would be asked per request).
pub fn generation() -> u32 {
    REGISTERED.call_once(|| {
        // SAFETY: `child` only touches atomics, which is allowed between fork and exec. It sees C-level forks too,
        // which `os.register_at_fork` does not.
        unsafe {
            libc::pthread_atfork(None, None, Some(child));
        }
    });
    GENERATION.load(Ordering::Relaxed)
}
