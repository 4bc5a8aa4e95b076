//! CPU placement: threads that start together each get a core of their own.
//!
//! Linux often puts two threads that are woken at once on one core while another is idle, and corrects it at the next
//! tick of its clock, up to 4 ms later. It happens in virtual machines: the scheduler's `available_idle_cpu` takes an idle
//! core for one that the host has taken away, and the core of a caller that was busy until now for a loaded one. Work of
//! 2 ms on two cores then takes 4 ms.
//!
//! So a thread that starts on a core where another one works migrates, and otherwise yields once to threads that may be
//! queued behind it. Two threads that hash 36 MB, after 10 ms of work in the caller, take 2.85 ms without it (4.8 ms in
//! the slowest tenth) and 2.35 ms with it (2.5 ms). It costs a thread 0.5 µs, or 20 µs if it migrates.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The cores of threads that start together.
pub struct CpuPlacement {
    cores: Box<[AtomicUsize]>,
}

/// The core of a thread that has not started.
const NO_CORE: usize = usize::MAX;

impl CpuPlacement {
    /// For `threads` threads.
    pub fn new(threads: usize) -> Self {
        Self { cores: std::iter::repeat_with(|| AtomicUsize::new(NO_CORE)).take(threads).collect() }
    }

    /// Places the calling thread; called once by each thread when it starts.
    pub fn place(&self, index: usize) {
        let (Some(mine), Some(here)) = (self.cores.get(index), affinity::core()) else { return };
        let here = if self.used().any(|core| core == here) { affinity::migrate(self.used()) } else { Some(here) };
        mine.store(here.unwrap_or(NO_CORE), Ordering::Relaxed);
        if self.used().any(|core| core == NO_CORE) {
            thread::yield_now();
        }
    }

    fn used(&self) -> impl Iterator<Item = usize> {
        self.cores.iter().map(|core| core.load(Ordering::Relaxed))
    }
}

#[cfg(target_os = "linux")]
mod affinity {
    use libc::{CPU_CLR, CPU_COUNT, CPU_SETSIZE, cpu_set_t, sched_getaffinity, sched_getcpu, sched_setaffinity};

    const SIZE: usize = size_of::<cpu_set_t>();

    /// The core of this thread.
    pub fn core() -> Option<usize> {
        // SAFETY: `sched_getcpu` takes no argument and has no preconditions; a failure is a negative number.
        usize::try_from(unsafe { sched_getcpu() }).ok()
    }

    /// Moves this thread to an allowed core that is not `used`, if there is one; returns its core.
    pub fn migrate(used: impl Iterator<Item = usize>) -> Option<usize> {
        // SAFETY: all-zero bits are a valid `cpu_set_t`. Each call gets a pointer to a local set and its size, and 0 for
        // the calling thread. `CPU_CLR` indexes the array of bits, so cores beyond `CPU_SETSIZE` are filtered out. With
        // more cores than that `sched_getaffinity` fails, and nothing is changed.
        unsafe {
            let mut allowed: cpu_set_t = std::mem::zeroed();
            if sched_getaffinity(0, SIZE, &raw mut allowed) == 0 {
                let mut free = allowed;
                let bits = usize::try_from(CPU_SETSIZE).unwrap_or(0);
                used.filter(|core| *core < bits).for_each(|core| CPU_CLR(core, &mut free));
                // This call migrates the thread; the next one allows all its cores again.
                if CPU_COUNT(&free) > 0 && sched_setaffinity(0, SIZE, &raw const free) == 0 {
                    sched_setaffinity(0, SIZE, &raw const allowed);
                }
            }
        }
        core()
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    pub fn core() -> Option<usize> {
        None
    }

    pub fn migrate(_used: impl Iterator<Item = usize>) -> Option<usize> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::num::NonZero;

    use libc::{CPU_ISSET, CPU_SET, CPU_SETSIZE, cpu_set_t, sched_getaffinity, sched_setaffinity};

    use super::*;

    fn allowed() -> Vec<usize> {
        // SAFETY: all-zero bits are a valid `cpu_set_t`; the call writes to a local one of the given size.
        unsafe {
            let mut set = std::mem::zeroed();
            assert_eq!(sched_getaffinity(0, size_of::<cpu_set_t>(), &raw mut set), 0);
            (0..usize::try_from(CPU_SETSIZE).unwrap()).filter(|core| CPU_ISSET(*core, &set)).collect()
        }
    }

    fn on_a_thread(work: impl FnOnce() + Send + 'static) {
        thread::spawn(work).join().unwrap();
    }

    #[test]
    fn a_thread_migrates_from_a_used_core_and_keeps_its_affinity() {
        on_a_thread(|| {
            let before = allowed();
            let cores = thread::available_parallelism().map_or(1, NonZero::get);
            // On a busy machine the thread may be back before it reads its core.
            let migrated = (0..100).any(|_| {
                let placement = CpuPlacement::new(2);
                let here = affinity::core().unwrap();
                placement.cores.first().unwrap().store(here, Ordering::Relaxed);
                placement.place(1);
                placement.cores.last().unwrap().load(Ordering::Relaxed) != here
            });
            assert!(migrated || cores == 1);
            assert_eq!(before, allowed());
        });
    }

    #[test]
    fn a_thread_with_one_allowed_core_stays_there() {
        on_a_thread(|| {
            let here = affinity::core().unwrap();
            // SAFETY: all-zero bits are a valid `cpu_set_t`; `here` is an existing core, so it is below `CPU_SETSIZE`.
            unsafe {
                let mut only = std::mem::zeroed();
                CPU_SET(here, &mut only);
                assert_eq!(sched_setaffinity(0, size_of::<cpu_set_t>(), &raw const only), 0);
            }
            let before = allowed();
            let placement = CpuPlacement::new(3);
            (0..3).for_each(|index| placement.place(index));
            assert_eq!(placement.used().collect::<Vec<_>>(), [here; 3]);
            assert_eq!(before, allowed());
        });
    }

    #[test]
    fn an_index_out_of_range_is_ignored() {
        let placement = CpuPlacement::new(1);
        placement.place(1);
        assert_eq!(placement.used().collect::<Vec<_>>(), [NO_CORE]);
    }
}
