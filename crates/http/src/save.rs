//! Bodies that become files: where they go and how they are written.
//!
//! A file appears whole or not at all. On Linux its bytes go to a file without a name, which is linked to its path when
//! it is complete: a killed process leaves nothing behind, and a file of 10 KiB takes 60 µs of CPU on ext4 instead of 85.
//! Where a file system has no such files, or the path is taken, a temporary file in the same folder is renamed over the
//! target; [`leftovers`] removes those of a killed process.
//!
//! There is no fsync, which would take milliseconds per file: a file may be missing or empty after a power failure, but
//! never after a crash of the process.

mod leftovers;
mod names;
mod path_template;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod write_queue;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::names::{safe_name, shorten_with_checksum};
pub use self::path_template::PathTemplate;
pub use self::write_queue::WriteQueue;
use super::descriptors::open_file;
use shoal_runtime::Mutex;

/// Writes a whole file or nothing: if anything fails, an existing file is left alone. Missing folders are created.
/// Permissions are those of any new file (umask); a symbolic link is replaced, not followed.
pub(crate) fn write_atomic(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut writer = FileWriter::create(path)?;
    writer.write(body)?;
    writer.commit()
}

/// A file that is written in pieces and appears on [`Self::commit`]. Dropping it earlier removes the pieces.
#[derive(Debug)]
pub(crate) struct FileWriter {
    file: File,
    target: PathBuf,
    /// Removes the temporary file unless it was renamed. Declared after `file`, so that the file is closed first.
    temporary: Option<Temporary>,
}

impl FileWriter {
    /// Begins a file that will be at `path`. Missing folders are created.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Self::create_by(path, begin)
    }

    fn create_by(path: &Path, begin: fn(&Path) -> io::Result<Begun>) -> io::Result<Self> {
        if path.file_name().is_none() {
            let message = format!("{} does not name a file", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let folder = folder_of(path);
        leftovers::remove_once(folder);
        let (file, temporary) = match begin(folder) {
            // Folders nearly always exist, so they are created on failure and not looked up each time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                begin(folder)?
            }
            begun => begun?,
        };
        Ok(Self { file, target: path.to_owned(), temporary })
    }

    pub(crate) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)
    }

    /// Gives the file its name.
    pub(crate) fn commit(self) -> io::Result<()> {
        let Self { file, target, temporary } = self;
        let temporary = match temporary {
            Some(temporary) => temporary,
            None => match link(&file, &target) {
                // Linking can't replace a file; renaming a temporary file can.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => name(&file, folder_of(&target))?,
                linked => return linked,
            },
        };
        // The file stays open, and so locked, until it has its name. Windows can't rename an open file.
        let file = (!cfg!(windows)).then_some(file);
        temporary.rename(&target)?;
        drop(file);
        Ok(())
    }
}

/// A file, and its temporary name if it has one.
type Begun = (File, Option<Temporary>);

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file in `folder`, without a name if the file system allows that.
fn begin(folder: &Path) -> io::Result<Begun> {
    match open_file(|| create_unnamed(folder)) {
        Ok(file) => Ok((file, None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        // An error of the folder itself occurs again here.
        Err(_) => begin_with_name(folder),
    }
}

/// A temporary file that is removed unless it was renamed.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // If that fails, the next process removes it as a leftover.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A new file in `folder` with a temporary name, locked.
fn begin_with_name(folder: &Path) -> io::Result<Begun> {
    let (file, temporary) = with_new_name(folder, |path| {
        let file = open_file(|| OpenOptions::new().write(true).create_new(true).open(path))?;
        Ok(leftovers::claim(&file).then_some(file))
    })?;
    Ok((file, Some(temporary)))
}

/// Gives a file without a name a temporary one. It is locked first, so that no other process removes it.
fn name(file: &File, folder: &Path) -> io::Result<Temporary> {
    // A file that can't be locked is never removed.
    let _ = leftovers::lock(file);
    let ((), temporary) = with_new_name(folder, |path| link(file, path).map(Some))?;
    Ok(temporary)
}

/// Calls `make` with temporary paths until one is free. `make` returns `None` if another process removed the file.
fn with_new_name<T>(folder: &Path, make: impl Fn(&Path) -> io::Result<Option<T>>) -> io::Result<(T, Temporary)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // A name exists only if a killed process with our id left it.
    const TRIES: usize = 1000;
    let mut result = Err(io::Error::from(io::ErrorKind::AlreadyExists));
    for _ in 0..TRIES {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(leftovers::temporary_name(number));
        match make(&path) {
            Ok(Some(made)) => return Ok((made, Temporary { path, renamed: false })),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => result = Err(error),
            Err(error) => return Err(error),
        }
    }
    result
}

/// A file without a name (`O_TMPFILE` in open(2)) on the file system of `folder`. It ends with its process, and appears
/// whole when it is linked to a place.
#[cfg(target_os = "linux")]
fn create_unnamed(folder: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::LazyLock;

    /// [`link`] finds the open file there.
    static HAS_PROC: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").exists());
    if !*HAS_PROC {
        return Err(io::ErrorKind::Unsupported.into());
    }
    File::options().write(true).custom_flags(libc::O_TMPFILE).open(folder)
}

/// Gives `file`, made by [`create_unnamed`], its place. [`io::ErrorKind::AlreadyExists`] if there is something.
#[cfg(target_os = "linux")]
fn link(file: &File, place: &Path) -> io::Result<()> {
    use std::ffi::CString;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;

    let open = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let place = CString::new(place.as_os_str().as_bytes())?;
    let (here, flags) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
    // SAFETY: linkat reads two strings that end with a zero byte and live until it returns.
    let result = unsafe { libc::linkat(here, open.as_ptr(), here, place.as_ptr(), flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn create_unnamed(_folder: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn link(_file: &File, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The files that the items of a stream were saved to, so that no item replaces the file of another: as 64-bit hashes,
/// of which a million take at most 18 MB, and two are the same in one of 30 million such streams.
#[derive(Debug, Default)]
pub struct SavedPaths {
    hasher: RandomState,
    claimed: Mutex<HashSet<u64>>,
}

impl SavedPaths {
    /// Claims `path`; `false` if it was claimed before.
    pub fn claim(&self, path: &Path) -> bool {
        let hash = self.hasher.hash_one(path);
        self.claimed.lock().insert(hash)
    }
}
