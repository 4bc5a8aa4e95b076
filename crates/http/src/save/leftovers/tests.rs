use std::fs;

use super::super::tests::Folder;
use super::*;

#[test]
fn only_unlocked_temporary_files_are_removed() {
    let folder = Folder::new();
    let others = [".shoal-1-2", ".shoal-1-x.tmp", ".shoal--1.tmp", ".shoal-1.tmp", "shoal-1-2.tmp", ".shoal-1-2.tmp2"];
    for name in others.iter().chain(&[".shoal-1-2.tmp", ".shoal-4000000000-17.tmp"]) {
        fs::write(folder.0.join(name), b"begun").unwrap();
    }
    fs::create_dir(folder.0.join(".shoal-3-3.tmp")).unwrap();
    std::os::unix::fs::symlink(folder.0.join(".shoal-1-2"), folder.0.join(".shoal-3-4.tmp")).unwrap();
    let alive = File::create(folder.0.join(".shoal-5-5.tmp")).unwrap();
    assert!(claim(&alive));
    remove(&folder.0);
    let mut left: Vec<_> =
        others.iter().copied().chain([".shoal-3-3.tmp", ".shoal-3-4.tmp", ".shoal-5-5.tmp"]).collect();
    left.sort_unstable();
    assert_eq!(folder.names(), left);
    drop(alive);
    remove(&folder.0);
    assert!(!folder.names().contains(&".shoal-5-5.tmp".to_owned()));
}

#[test]
fn each_folder_is_searched_once() {
    let folder = Folder::new();
    let leftover = folder.0.join(".shoal-1-2.tmp");
    fs::write(&leftover, b"begun").unwrap();
    // Another test may have the lock.
    while leftover.exists() {
        remove_once(&folder.0);
    }
    fs::write(&leftover, b"begun").unwrap();
    remove_once(&folder.0);
    assert!(leftover.exists());
}

#[test]
fn a_file_that_is_being_removed_is_not_claimed() {
    let folder = Folder::new();
    let path = folder.0.join(".shoal-1-1.tmp");
    let file = File::create(&path).unwrap();
    let second = File::open(&path).unwrap();
    assert!(claim(&second));
    assert!(!claim(&file), "another process has locked it to remove it");
    fs::remove_file(&path).unwrap();
    drop(second);
    assert!(!claim(&file), "it has been removed");
}
