//! The file descriptor that makes an event loop's selector return.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Readable after [`WakeFd::wake`] until [`WakeFd::clear`]. An eventfd on Linux, a pair of sockets elsewhere.
pub struct WakeFd {
    reader: File,
    #[cfg(not(target_os = "linux"))]
    writer: File,
}

impl WakeFd {
    #[cfg(target_os = "linux")]
    pub fn new() -> io::Result<Self> {
        use std::os::fd::FromRawFd;
        // SAFETY: `eventfd` takes no pointer.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has just opened the descriptor, and only this function has seen it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Self { reader: descriptor.into() })
    }

    #[cfg(not(target_os = "linux"))]
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader: OwnedFd::from(reader).into(), writer: OwnedFd::from(writer).into() })
    }

    pub fn descriptor(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    pub fn wake(&self) {
        #[cfg(target_os = "linux")]
        let mut writer = &self.reader;
        #[cfg(not(target_os = "linux"))]
        let mut writer = &self.writer;
        // Fails only when it is full, and thus readable.
        let _ = writer.write(&1u64.to_ne_bytes());
    }

    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while (&self.reader).read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}
