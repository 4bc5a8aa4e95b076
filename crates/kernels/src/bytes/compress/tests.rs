#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::bytes::decompress::Decompressor;

const FORMATS: [Format; 3] = [Format::Gzip, Format::Zstd, Format::Brotli];

/// Lengths around a multiple of the buffers in between.
const STEP: usize = 128 << 10;

fn document(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..length).map(|_| b"  abcdefghij\n"[random.usize(..13)]).collect()
}

#[test]
fn documents_round_trip() {
    for format in FORMATS {
        let decompressor = Decompressor::new(Some(format), None);
        for level in [None, Some(1), Some(9)] {
            let compressor = Compressor::new(format, level).unwrap();
            for length in [0, 1, 100, STEP - 1, STEP, STEP + 1, 300_000] {
                let document = document(length);
                let packed = compressor.compress(&document, &Stop::default()).unwrap();
                assert_eq!(
                    decompressor.decompress(&packed, &Stop::default()).unwrap(),
                    document,
                    "{format:?} {length}"
                );
            }
        }
    }
}

#[test]
fn long_documents_are_compressed_as_a_stream() {
    let document = document(WHOLE + 12345);
    for format in [Format::Gzip, Format::Zstd] {
        let compressor = Compressor::new(format, Some(1)).unwrap();
        for _ in 0..2 {
            let packed = compressor.compress(&document, &Stop::default()).unwrap();
            assert!(packed.len() < document.len() * 5 / 8);
            let same = Decompressor::new(None, None).decompress(&packed, &Stop::default()).unwrap();
            assert!(same == document, "{format:?}");
        }
    }
}

#[test]
fn a_zstd_frame_has_its_content_size() {
    for length in [10, STEP + 1] {
        let packed =
            Compressor::new(Format::Zstd, None).unwrap().compress(&document(length), &Stop::default()).unwrap();
        assert_eq!(zstd_safe::get_frame_content_size(&packed).ok(), Some(Some(length as u64)));
    }
}

#[test]
fn levels_are_checked() {
    for (format, level, words) in [
        (Format::Gzip, 10, "level 10 is out of range: gzip has 0 to 9"),
        (Format::Zstd, 23, "level 23 is out of range: zstd has -131072 to 22"),
        (Format::Brotli, -1, "level -1 is out of range: brotli has 0 to 11"),
        (Format::Brotli, i32::MAX, "level 2147483647 is out of range: brotli has 0 to 11"),
    ] {
        assert_eq!(Compressor::new(format, Some(level)).err().unwrap(), words);
    }
    assert!(Compressor::new(Format::Zlib, None).is_err());
    for (format, level) in
        [(Format::Gzip, 0), (Format::Zstd, -50), (Format::Zstd, 22), (Format::Brotli, 0), (Format::Brotli, 11)]
    {
        let packed = Compressor::new(format, Some(level)).unwrap().compress(b"abc", &Stop::default()).unwrap();
        assert_eq!(Decompressor::new(Some(format), None).decompress(&packed, &Stop::default()).unwrap(), b"abc");
    }
}

#[test]
fn a_stop_ends_compression() {
    let stop = Stop::default();
    stop.set();
    for format in FORMATS {
        let compressor = Compressor::new(format, None).unwrap();
        assert_eq!(compressor.compress(b"abc", &stop), Err(KernelError::stopped()));
        assert_eq!(compressor.stream(b"abc", &mut Vec::new(), &stop), Err(KernelError::stopped()));
    }
}
