//! Where and how bodies become files.
//!
//! A file appears whole or not at all. On Linux its bytes go to a file without a name, which is linked to its place when
//! it is complete: a process that is killed leaves nothing behind, and on ext4 it takes 60 µs of CPU per file of 10 KiB
//! instead of 85. Where a filesystem has no such files, or the place is taken, a temporary file in the same folder is
//! renamed over the target; [`leftovers`] removes what a killed process leaves of those.
//!
//! There is no fsync: after a power failure a file may be missing or empty, after a crash of the process never. An fsync
//! per file would cost milliseconds each.

mod leftovers;
mod path_template;
mod saved_paths;
mod unnamed;
mod write_queue;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::path_template::{PathTemplate, safe_name};
pub use self::saved_paths::SavedPaths;
pub use self::write_queue::WriteQueue;
use super::descriptors::open_file;

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
    /// Removes the temporary file unless it was renamed; declared after `file`, so that it is closed first.
    temporary: Option<Temporary>,
}

impl FileWriter {
    /// Begins a file that will be at `path`. Missing folders are made.
    pub fn create(path: &Path) -> io::Result<Self> {
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
            // Folders exist nearly always: they are made when they turn out to be missing, not looked for each time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                begin(folder)?
            }
            begun => begun?,
        };
        Ok(Self { file, target: path.to_owned(), temporary })
    }

    /// Adds `chunk`.
    pub fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)
    }

    /// Makes the file appear at its place.
    pub fn commit(self) -> io::Result<()> {
        let Self { file, target, temporary } = self;
        let temporary = match temporary {
            Some(temporary) => temporary,
            None => match unnamed::link(&file, &target) {
                // It can't replace a file: that takes a name to rename.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => name(&file, folder_of(&target))?,
                linked => return linked,
            },
        };
        // Open, and so locked, until it has its name; but Windows renames no open file.
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

/// A new file in `folder`, without a name if there can be such files.
fn begin(folder: &Path) -> io::Result<Begun> {
    match open_file(|| unnamed::create(folder)) {
        Ok(file) => Ok((file, None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        // If the folder is at fault, that shows again.
        Err(_) => begin_with_name(folder),
    }
}

/// A temporary file that is removed unless it got its name.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Puts it in the place of `target`.
    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing is left to be done about a failure here.
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

/// Gives a file that has no name yet a temporary one. It is locked first, so that no other process removes it.
fn name(file: &File, folder: &Path) -> io::Result<Temporary> {
    leftovers::lock(file);
    let ((), temporary) = with_new_name(folder, |path| unnamed::link(file, path).map(Some))?;
    Ok(temporary)
}

/// Calls `make` with temporary names until one is free and the file is not lost again (`None`).
fn with_new_name<T>(folder: &Path, make: impl Fn(&Path) -> io::Result<Option<T>>) -> io::Result<(T, Temporary)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // A name can only be taken by what a killed process with our id left behind.
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
    fn a_file_appears_when_it_is_complete() {
        let folder = Folder::new();
        let path = folder.0.join("a");
        for (begin, temporary) in
            [(begin as fn(&Path) -> _, usize::from(!cfg!(target_os = "linux"))), (begin_with_name, 1)]
        {
            write_atomic(&path, b"old").unwrap();
            let mut writer = FileWriter::create_by(&path, begin).unwrap();
            writer.write(b"half").unwrap();
            assert_eq!(folder.names().len(), 1 + temporary);
            drop(writer);
            assert_eq!(folder.names(), ["a"]);
            let new = folder.0.join("new/b");
            for path in [&path, &new] {
                let mut writer = FileWriter::create_by(path, begin).unwrap();
                writer.write(b"one ").unwrap();
                writer.write(b"two").unwrap();
                assert_eq!(fs::read(folder.0.join("a")).unwrap().len(), if path == &new { 7 } else { 3 });
                writer.commit().unwrap();
                assert_eq!(fs::read(path).unwrap(), b"one two");
            }
            assert_eq!(folder.names(), ["a", "new"]);
            fs::remove_dir_all(folder.0.join("new")).unwrap();
        }
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
