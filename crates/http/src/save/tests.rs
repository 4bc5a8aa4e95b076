use super::*;

/// A folder that is removed on drop.
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
    for (begin, temporary) in [(begin as fn(&Path) -> _, usize::from(!cfg!(target_os = "linux"))), (begin_with_name, 1)]
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

#[test]
fn each_path_is_claimed_once() {
    let paths = SavedPaths::default();
    for number in 0..10_000 {
        assert!(paths.claim(Path::new(&format!("out/{number}"))));
    }
    assert!(!paths.claim(Path::new("out/9999")) && !paths.claim(Path::new("out//0")));
    assert!(paths.claim(Path::new("out/a/0")));
}
