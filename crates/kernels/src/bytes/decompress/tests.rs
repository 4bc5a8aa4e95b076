#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::bytes::compress::Compressor;

const WRITTEN: [Format; 3] = [Format::Gzip, Format::Zstd, Format::Brotli];

fn pack(format: Format, document: &[u8]) -> Vec<u8> {
    Compressor::new(format, None).unwrap().compress(document, &Stop::default()).unwrap()
}

fn zlib(document: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(document.len() + 1000);
    let mut state = flate2::Compress::new(flate2::Compression::new(6), true);
    state.compress_vec(document, &mut packed, flate2::FlushCompress::Finish).unwrap();
    packed
}

fn unpack(document: &[u8]) -> Result<Vec<u8>, String> {
    unpack_as(None, document, None)
}

fn unpack_as(format: Option<Format>, document: &[u8], most: Option<u64>) -> Result<Vec<u8>, String> {
    Decompressor::new(format, most).decompress(document, &Stop::default()).map_err(|failure| {
        assert_eq!(failure.kind, crate::error::ErrorKind::Value);
        failure.message.clone()
    })
}

#[test]
fn the_format_follows_from_the_first_bytes() {
    let document = b"something to pack, to pack, to pack".repeat(100);
    for packed in [pack(Format::Gzip, &document), pack(Format::Zstd, &document), zlib(&document)] {
        assert_eq!(unpack(&packed).unwrap(), document);
    }
    assert!(unpack(&document).unwrap_err().starts_with("not gzip, zlib or zstd"));
    assert_eq!(unpack(b"").unwrap_err(), "empty: nothing to unpack");
    assert_eq!(unpack_as(Some(Format::Gzip), &document, None).unwrap_err(), "not gzip");
}

#[test]
fn concatenated_members_and_frames() {
    for format in [Format::Gzip, Format::Zstd] {
        let two = [pack(format, b"one, "), pack(format, b""), pack(format, b"two"), pack(format, b"two")].concat();
        assert_eq!(unpack(&two).unwrap(), b"one, twotwo");
    }
    let skipped = [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &pack(Format::Zstd, b"one")].concat();
    assert_eq!(unpack(&skipped).unwrap(), b"one");
}

#[test]
fn trailing_bytes() {
    let zeros = [pack(Format::Gzip, b"one"), vec![0; 100]].concat();
    assert_eq!(unpack(&zeros).unwrap(), b"one");
    let garbage = [pack(Format::Gzip, b"one"), b"\0\0garbage".to_vec()].concat();
    assert_eq!(unpack(&garbage).unwrap_err(), "7 bytes of something else after the gzip data");
    let garbage = [zlib(b"one"), b"garbage".to_vec()].concat();
    assert_eq!(unpack(&garbage).unwrap_err(), "7 bytes of something else after the zlib data");
    let garbage = [pack(Format::Zstd, b"one"), b"garbage".to_vec()].concat();
    assert!(unpack(&garbage).unwrap_err().starts_with("damaged zstd data"));
    let garbage = [pack(Format::Brotli, b"one"), b"garbage".to_vec()].concat();
    assert_eq!(
        unpack_as(Some(Format::Brotli), &garbage, None).unwrap_err(),
        "7 bytes of something else after the brotli data"
    );
}

#[test]
fn a_gzip_header_with_all_fields() {
    let plain = pack(Format::Gzip, b"one");
    let header = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x04\0abcdname\0comment\0";
    let checksum = libdeflater::crc32(header).to_le_bytes();
    let packed = [header, &checksum[..2], &plain[10..]].concat();
    assert_eq!(unpack(&packed).unwrap(), b"one");
    for end in 2..packed.len() {
        assert_eq!(unpack(&packed[..end]).unwrap_err(), "gzip data that ends too early", "{end}");
    }
    let mut reserved = plain;
    reserved[3] = 0x80;
    assert_eq!(unpack(&reserved).unwrap_err(), "damaged gzip data: unknown header flags set");
}

#[test]
fn truncated_documents() {
    let document: Vec<u8> = (0..2000_u32).flat_map(|number| (number * number).to_le_bytes()).collect();
    for format in WRITTEN {
        let packed = pack(format, &document);
        for end in (1..packed.len()).step_by(7).chain([packed.len() - 1]) {
            let message = unpack_as(Some(format), &packed[..end], None).unwrap_err();
            assert_eq!(message, format!("{} data that ends too early", format.name()), "{end}");
        }
        assert!(unpack_as(Some(format), b"", None).unwrap_err().ends_with("too early"));
    }
    let packed = zlib(&document);
    assert_eq!(unpack(&packed[..packed.len() - 1]).unwrap_err(), "zlib data that ends too early");
}

#[test]
fn damage_is_detected() {
    let document = b"something to pack".repeat(50);
    for format in [Format::Gzip, Format::Zlib] {
        let packed = if format == Format::Zlib { zlib(&document) } else { pack(format, &document) };
        for place in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[place] ^= 0x10;
            // The header's timestamp has no effect, and repeated text may come from either copy.
            if let Ok(unpacked) = unpack_as(Some(format), &damaged, None) {
                assert!(unpacked == document, "{format:?} {place}");
            }
        }
    }
    let mut damaged = pack(Format::Gzip, &document);
    let place = damaged.len() - 8;
    damaged[place] ^= 1;
    assert_eq!(unpack(&damaged).unwrap_err(), "damaged gzip data: incorrect data check");
    damaged[place] ^= 1;
    damaged[place + 4] ^= 1;
    assert_eq!(unpack(&damaged).unwrap_err(), "damaged gzip data: incorrect length check");
}

#[test]
fn unpacking_is_bounded() {
    let document = vec![0; 3 << 20];
    for format in [Format::Gzip, Format::Zlib, Format::Zstd, Format::Brotli] {
        let packed = if format == Format::Zlib { zlib(&document) } else { pack(format, &document) };
        assert!(packed.len() < 10_000);
        let of = |most: usize| unpack_as(Some(format), &packed, Some(most as u64));
        assert!(of(document.len()).unwrap() == document);
        for most in [0, 1, 1000, document.len() - 1] {
            assert_eq!(of(most).unwrap_err(), format!("unpacks to more than max_size={most}"), "{format:?}");
        }
        assert!(unpack_as(Some(format), &packed, Some(u64::MAX)).unwrap() == document);
    }
    assert_eq!(unpack_as(None, &pack(Format::Gzip, b""), Some(0)).unwrap(), b"");
}

#[test]
fn wrong_sizes_in_headers() {
    // A zstd frame that claims 2^40 bytes and has one raw block of 3.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend_from_slice(&(1_u64 << 40).to_le_bytes());
    frame.extend_from_slice(&[(3 << 3) | 1, 0, 0, b'a', b'b', b'c']);
    assert!(unpack_as(None, &frame, Some(1 << 20)).is_err());
    let mut packed = pack(Format::Gzip, b"one");
    let place = packed.len() - 4;
    packed[place..].copy_from_slice(&[0xff; 4]);
    assert_eq!(unpack(&packed).unwrap_err(), "damaged gzip data: incorrect length check");
}

#[test]
fn random_bytes_never_panic() {
    let mut random = fastrand::Rng::with_seed(2);
    let document = b"something to pack".repeat(20);
    for format in [Format::Gzip, Format::Zlib, Format::Zstd, Format::Brotli] {
        let packed = if format == Format::Zlib { zlib(&document) } else { pack(format, &document) };
        let decompressor = Decompressor::new(Some(format), Some(1 << 20));
        for _ in 0..2000 {
            let mut bytes = packed.clone();
            for _ in 0..random.usize(1..4) {
                let place = random.usize(..bytes.len());
                bytes[place] = random.u8(..);
            }
            bytes.truncate(random.usize(..=bytes.len()));
            let _ = decompressor.decompress(&bytes, &Stop::default());
        }
        assert_eq!(decompressor.decompress(&packed, &Stop::default()).unwrap(), document);
    }
}

#[test]
fn a_stop_ends_decompression() {
    let stop = Stop::default();
    stop.set();
    assert_eq!(Decompressor::new(None, None).decompress(b"abc", &stop), Err(KernelError::stopped()));
}
