//! Files without a name (Linux: `O_TMPFILE` in open(2)). They end with their process, and appear whole when they are
//! linked to a place.

use std::fs::File;
use std::io;
use std::path::Path;

/// A file on the filesystem of `folder`.
#[cfg(target_os = "linux")]
pub(super) fn create(folder: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::LazyLock;

    /// [`link`] finds the open file there.
    static HAS_PROC: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").exists());
    if !*HAS_PROC {
        return Err(io::ErrorKind::Unsupported.into());
    }
    File::options().write(true).custom_flags(libc::O_TMPFILE).open(folder)
}

/// Gives `file`, made by [`create`], its place. [`io::ErrorKind::AlreadyExists`] if there is something.
#[cfg(target_os = "linux")]
pub(super) fn link(file: &File, place: &Path) -> io::Result<()> {
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
pub(super) fn create(_folder: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn link(_file: &File, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
