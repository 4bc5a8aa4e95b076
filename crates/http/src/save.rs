//! Where and how bodies become files.
//!
//! A file appears whole or not at all: its bytes go to a temporary file in the same folder, which is then renamed over
//! the target. There is no fsync: after a power failure a file may be missing or empty, after a crash of the process
//! never. Whoever needs more has the filesystem's own means; an fsync per file would cost milliseconds each. What a killed
//! process leaves of temporary files, the next one removes ([`leftovers`]).

mod leftovers;
mod path_template;
mod saved_paths;
mod write_queue;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::path_template::{PathTemplate, safe_name};
pub use self::saved_paths::SavedPaths;
pub use self::write_queue::WriteQueue;
use super::descriptors::opening;

/// Writes a whole file, or nothing: an existing file is replaced, or left alone when anything fails. Missing folders
/// are made. Permissions are those of any new file (the umask decides); a symbolic link is replaced, not followed.
pub fn write_atomic(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut writer = FileWriter::create(path)?;
    writer.write(body)?;
    writer.commit()
}

/// A file that is written piece by piece and appears when it is complete ([`Self::commit`]). Dropping it before removes
/// what was written.
#[derive(Debug)]
pub struct FileWriter {
    file: File,
    target: PathBuf,
    /// Removes the file unless it was renamed; declared after `file`, so that it is closed first.
    temporary: Temporary,
}

impl FileWriter {
    /// Begins a file that will be at `path`. Missing folders are made.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.file_name().is_none() {
            let message = format!("{} does not name a file", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        leftovers::remove_once(folder);
        let (file, temporary) = match create_temporary(folder) {
            // Folders exist nearly always: they are made when they turn out to be missing, not looked for each time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                create_temporary(folder)?
            }
            created => created?,
        };
        Ok(Self { file, target: path.to_owned(), temporary })
    }

    /// Adds `chunk`.
    pub fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)
    }

    /// Makes the file appear at its place.
    pub fn commit(self) -> io::Result<()> {
        let Self { file, target, mut temporary } = self;
        // Open, and so locked, until it has its name; but Windows renames no open file.
        let file = (!cfg!(windows)).then_some(file);
        fs::rename(&temporary.path, target)?;
        temporary.renamed = true;
        drop(file);
        Ok(())
    }
}

/// A temporary file that is removed unless it got its name.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing is left to be done about a failure here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A new file in `folder` with a name of its own, locked.
fn create_temporary(folder: &Path) -> io::Result<(File, Temporary)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // A name can only be taken by what a killed process with our id left behind.
    const TRIES: usize = 1000;
    let mut result = Err(io::Error::from(io::ErrorKind::AlreadyExists));
    for _ in 0..TRIES {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(leftovers::temporary_name(number));
        match opening(|| OpenOptions::new().write(true).create_new(true).open(&path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => result = Err(error),
            Err(error) => return Err(error),
            Ok(file) if leftovers::claim(&file) => return Ok((file, Temporary { path, renamed: false })),
            Ok(_) => {}
        }
    }
    result
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A folder that is removed in the end.
    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new() -> Self {
            static COUNTER: AtomicU64 = AtomicU64::new(0);
            let name = format!("shoal-save-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        pub(super) fn names(&self) -> Vec<String> {
            let mut names: Vec<_> =
                fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn writes_and_replaces() {
        let folder = Folder::new();
        let path = folder.0.join("a.json");
        write_atomic(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_atomic(&path, b"").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(folder.names(), ["a.json"]);
    }

    #[test]
    fn makes_missing_folders() {
        let folder = Folder::new();
        let path = folder.0.join("x/y/z/a.json");
        write_atomic(&path, b"deep").unwrap();
        write_atomic(&folder.0.join("x/y/z/b.json"), b"deep").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"deep");
    }

    #[test]
    fn a_relative_name_is_in_the_current_folder() {
        let name = format!("shoal-save-relative-{}", std::process::id());
        write_atomic(Path::new(&name), b"here").unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"here");
        fs::remove_file(&name).unwrap();
    }

    #[test]
    fn the_longest_name_works() {
        let folder = Folder::new();
        write_atomic(&folder.0.join("x".repeat(255)), b"long").unwrap();
        let error = write_atomic(&folder.0.join("x".repeat(256)), b"longer").unwrap_err();
        assert!(error.raw_os_error().is_some());
        assert_eq!(folder.names().len(), 1);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = Folder::new();
        fs::create_dir_all(folder.0.join("taken/full")).unwrap();
        write_atomic(&folder.0.join("taken"), b"a folder is there").unwrap_err();
        fs::write(folder.0.join("file"), b"").unwrap();
        write_atomic(&folder.0.join("file/below"), b"a file is no folder").unwrap_err();
        let error = write_atomic(Path::new("/"), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(write_atomic(Path::new(""), b"").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(folder.names(), ["file", "taken"]);
    }

    #[test]
    fn a_writer_without_commit_keeps_the_old_file() {
        let folder = Folder::new();
        let path = folder.0.join("a");
        write_atomic(&path, b"old").unwrap();
        let mut writer = FileWriter::create(&path).unwrap();
        writer.write(b"half").unwrap();
        assert_eq!(folder.names().len(), 2);
        drop(writer);
        assert_eq!(folder.names(), ["a"]);
        let mut writer = FileWriter::create(&path).unwrap();
        writer.write(b"one ").unwrap();
        writer.write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        writer.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one two");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        write_atomic(&folder.0.join("ours"), b"").unwrap();
        fs::write(folder.0.join("usual"), b"").unwrap();
        let mode = |name| fs::metadata(folder.0.join(name)).unwrap().permissions().mode();
        assert_eq!(mode("ours"), mode("usual"));
    }

    #[test]
    fn threads_write_side_by_side() {
        let folder = Folder::new();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let folder = &folder;
                scope.spawn(move || {
                    for number in 0..50 {
                        write_atomic(&folder.0.join(format!("new/{thread}-{number}")), b"body").unwrap();
                        write_atomic(&folder.0.join("same"), format!("{thread}").as_bytes()).unwrap();
                    }
                });
            }
        });
        assert_eq!(folder.names(), ["new", "same"]);
        assert_eq!(fs::read(folder.0.join("same")).unwrap().len(), 1);
        assert_eq!(fs::read_dir(folder.0.join("new")).unwrap().count(), 400);
    }
}
