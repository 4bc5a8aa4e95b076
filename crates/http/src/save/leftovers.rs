//! Removes the temporary files that a killed process left behind.
//!
//! A temporary file is locked (`flock`) while its writer has it open, and the system unlocks it when the process ends, so
//! a file without a lock is a leftover. A process id would not do: ids are reused and differ between containers that
//! share a folder.
//!
//! The first file that a process creates in a folder removes the leftovers there. Where files can't be locked (some
//! network file systems, Windows), nothing is removed.

#[cfg(test)]
#[cfg(unix)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

/// The name of a temporary file: short, so that a target of the longest allowed name works too.
pub(super) fn temporary_name(number: u64) -> String {
    format!("{PREFIX}{}-{number}{SUFFIX}", std::process::id())
}

const PREFIX: &str = ".shoal-";
const SUFFIX: &str = ".tmp";

/// The number of folders to remember. Beyond it all are forgotten, and may be searched again.
const MAX_FOLDERS: usize = 1 << 16;

/// Removes the leftovers in `folder`, once per process.
pub(super) fn remove_once(folder: &Path) {
    static SEEN: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    // Never blocks: in a forked child the lock may be held for ever.
    let Ok(mut seen) = SEEN.try_lock() else { return };
    if seen.len() >= MAX_FOLDERS {
        seen.clear();
    }
    let first = seen.insert(hasher.finish());
    drop(seen);
    if first {
        remove(folder);
    }
}

/// Whether `name` comes from [`temporary_name`].
fn is_temporary(name: &OsStr) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-'));
    numbers.is_some_and(|(process, count)| number(process) && number(count))
}

/// Locks a new temporary file; `false` if another process removed it as a leftover before it was locked.
pub(super) fn claim(file: &File) -> bool {
    match lock(file) {
        Ok(()) => is_linked(file),
        // A file that can't be locked is never removed.
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

#[cfg(unix)]
fn remove(folder: &Path) {
    use std::os::unix::fs::OpenOptionsExt;

    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !is_temporary(&entry.file_name()) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        let opened = File::options().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path);
        // Removes only a locked file that still has its name: the name may already belong to another file.
        if let Ok(file) = opened
            && lock(&file).is_ok()
            && is_linked(&file)
        {
            // On failure the next process tries again.
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Locks a file; [`io::ErrorKind::WouldBlock`] if another process has.
#[cfg(unix)]
pub(super) fn lock(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // SAFETY: `flock` takes no pointers, and the descriptor is open: `file` is borrowed for the call.
    let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if locked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the file still has a name.
#[cfg(unix)]
fn is_linked(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;

    file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}

#[cfg(not(unix))]
pub(super) fn lock(_file: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn is_linked(_file: &File) -> bool {
    true
}

#[cfg(not(unix))]
fn remove(_folder: &Path) {}
