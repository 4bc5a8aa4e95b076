#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;

fn of(name: &str, document: &[u8]) -> String {
    hash(Algorithm::parse(name).unwrap(), document, &Stop::default()).unwrap().with_text(str::to_owned)
}

#[test]
fn known_answers() {
    assert_eq!(of("md5", b""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(of("md5", b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(of("sha256", b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(of("blake3", b""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    assert_eq!(of("xxh3", b""), "2d06800538d394c2");
    assert_eq!(of("xxh3", b"abc"), "78af5f94892f3950");
}

#[test]
fn steps_do_not_change_the_hash() {
    let document: Vec<u8> = (0..3 * STEP + 17).map(|index| ((index * index) >> 7) as u8).collect();
    for length in [PREFETCH, PREFETCH + 1, 2 * PREFETCH, 2 * PREFETCH + 1, 17_700, STEP, document.len()] {
        let document = &document[..length];
        assert_eq!(of("xxh3", document), format!("{:016x}", XxHash3_64::oneshot(document)));
    }
    assert_eq!(of("blake3", &document), blake3::hash(&document).to_hex().as_str());
    assert_eq!(
        of("sha256", &document),
        Digest::new(Algorithm::Sha256, &<sha2::Sha256 as sha2::Digest>::digest(&document)).with_text(str::to_owned)
    );
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let message = Algorithm::parse("sha1").unwrap_err();
    assert_eq!(message, "no algorithm \"sha1\": \"sha256\", \"blake3\", \"xxh3\" or \"md5\"");
}

#[test]
fn stops() {
    let stop = Stop::default();
    stop.set();
    assert_eq!(hash(Algorithm::Md5, b"abc", &stop), Err(KernelError::stopped()));
}
