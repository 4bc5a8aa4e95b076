use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};

use super::decoder::{Decoder, PIECE, max_between};
use super::stage::{Coding, SCRATCH, codings};
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::pace::Pace;

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

/// Ends the body and returns all that was decoded.
fn finish(mut decoder: Decoder) -> Result<Vec<u8>, AttemptError> {
    decoder.end()?;
    Ok(std::mem::take(decoder.decoded()))
}

fn encode(coding: Coding, data: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
            encoder.write_all(data).unwrap();
            drop(encoder);
            out
        }
        Coding::Zstd => zstd::encode_all(data, 3).unwrap(),
    }
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Decodes a whole piece, with all pauses of the decoder.
fn write(decoder: &mut Decoder, mut piece: &[u8]) -> Result<(), AttemptError> {
    let mut pace = Pace::default();
    loop {
        let progress = decoder.write(piece, &mut pace)?;
        piece = &piece[progress.read..];
        if progress.done {
            assert!(piece.is_empty());
            return Ok(());
        }
    }
}

fn decode_in(codings: Vec<Coding>, encoded: &[u8], chunk: usize, limit: u64) -> Result<Vec<u8>, AttemptError> {
    let mut decoder = Decoder::new(codings, limit)?;
    for piece in encoded.chunks(chunk) {
        write(&mut decoder, piece)?;
    }
    finish(decoder)
}

fn decode(codings: Vec<Coding>, encoded: &[u8]) -> Result<Vec<u8>, AttemptError> {
    decode_in(codings, encoded, 1 << 20, u64::MAX)
}

/// Compresses to about a third.
fn text(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| b"abcdefghijkl mnop,.\n"[random.usize(..20) & random.usize(..32)]).take(length).collect()
}

fn headers(values: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn reads_the_header() {
    assert_eq!(codings(&headers(&[])).unwrap(), []);
    assert_eq!(codings(&headers(&["gzip"])).unwrap(), [Coding::Gzip]);
    assert_eq!(codings(&headers(&["X-GZIP"])).unwrap(), [Coding::Gzip]);
    assert_eq!(codings(&headers(&["identity"])).unwrap(), []);
    assert_eq!(codings(&headers(&[""])).unwrap(), []);
    assert_eq!(codings(&headers(&["gzip, br"])).unwrap(), [Coding::Gzip, Coding::Brotli]);
    assert_eq!(codings(&headers(&["deflate ,identity", " Zstd"])).unwrap(), [Coding::Deflate, Coding::Zstd]);
    assert_eq!(codings(&headers(&["gzip, compress"])).unwrap(), []);
    let failure = codings(&headers(&["gzip, gzip, gzip", "gzip, gzip, gzip"])).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Decoding);
    let mut odd = HeaderMap::new();
    odd.insert(CONTENT_ENCODING, HeaderValue::from_bytes(b"gz\xffip").unwrap());
    assert_eq!(codings(&odd).unwrap(), []);
}

#[test]
fn decodes_each_coding_in_chunks_of_any_size() {
    for coding in ALL {
        for length in [0, 1, 100, 16 << 10, 200_000] {
            let data = text(length);
            let encoded = encode(coding, &data);
            for chunk in [1, 2, 7, 1000, 1 << 20] {
                let decoded = decode_in(vec![coding], &encoded, chunk, length as u64).unwrap();
                assert!(decoded == data, "{coding:?}, {length} bytes in chunks of {chunk}");
            }
        }
    }
}

#[test]
fn decodes_output_that_ends_with_the_scratch_buffer() {
    for coding in ALL {
        for length in [SCRATCH - 1, SCRATCH, SCRATCH + 1, 4 * SCRATCH] {
            let data = vec![b'x'; length];
            assert!(decode(vec![coding], &encode(coding, &data)).unwrap() == data);
        }
    }
}

#[test]
fn stacked_codings_are_undone_from_the_last_to_the_first() {
    let data = text(50_000);
    let encoded = encode(Coding::Brotli, &encode(Coding::Gzip, &data));
    let codings = codings(&headers(&["gzip, br"])).unwrap();
    for chunk in [1, 1000] {
        assert!(decode_in(codings.clone(), &encoded, chunk, 50_000).unwrap() == data);
    }
}

#[test]
fn deflate_may_be_raw() {
    for data in [&b""[..], b"a", &text(100_000)] {
        let encoded = raw_deflate(data);
        for chunk in [1, 3, 1 << 20] {
            assert!(decode_in(vec![Coding::Deflate], &encoded, chunk, u64::MAX).unwrap() == data);
        }
    }
}

#[test]
fn members_and_frames_are_one_body() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut encoded = encode(coding, b"one ");
        encoded.extend(encode(coding, b""));
        encoded.extend(encode(coding, b"two"));
        for chunk in [1, 1000] {
            assert_eq!(decode_in(vec![coding], &encoded, chunk, 7).unwrap(), b"one two");
        }
    }
}

#[test]
fn bytes_after_the_end_are_ignored() {
    for coding in ALL {
        for garbage in [&b"\0\0\0\0\0\0\0\0"[..], b"\r\n", b"garbage and more of it", b"\x1fx"] {
            let mut encoded = encode(coding, b"body");
            encoded.extend(garbage);
            for chunk in [1, 1000] {
                assert_eq!(decode_in(vec![coding], &encoded, chunk, 4).unwrap(), b"body", "{coding:?} {garbage:?}");
            }
        }
    }
    let mut encoded = encode(Coding::Gzip, b"body");
    encoded.push(0x1f);
    assert_eq!(decode(vec![Coding::Gzip], &encoded).unwrap(), b"body");
}

#[test]
fn an_empty_body_is_valid() {
    for coding in ALL {
        let mut decoder = Decoder::new(vec![coding, Coding::Gzip], 0).unwrap();
        write(&mut decoder, b"").unwrap();
        assert_eq!(finish(decoder).unwrap(), b"");
    }
}

#[test]
fn a_truncated_body_is_an_error_at_every_length() {
    for coding in ALL {
        let encoded = encode(coding, &text(300));
        for length in 1..encoded.len() {
            let failure = decode(vec![coding], &encoded[..length]).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::IncompleteBody, "{coding:?} cut to {length}: {}", failure.message);
            assert_eq!(failure.phase, Phase::Body);
        }
    }
}

#[test]
fn a_truncated_second_member_is_an_error() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut encoded = encode(coding, b"one");
        encoded.extend(&encode(coding, b"two")[..6]);
        assert_eq!(decode(vec![coding], &encoded).unwrap_err().kind, ErrorKind::IncompleteBody);
    }
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    for coding in ALL {
        let failure = decode(vec![coding], b"<html>this is not compressed at all</html>").unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Decoding, "{coding:?}");
        assert!(failure.message.contains(coding.as_str()), "{}", failure.message);
        let good = encode(coding, &text(2000));
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..300 {
            let mut bad = good.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bad.len());
                bad[at] = random.u8(..);
            }
            // The result may be anything; it is bounded.
            let _ = decode_in(vec![coding], &bad, 100, 1 << 20);
        }
    }
    let mut crc = encode(Coding::Gzip, b"body");
    let at = crc.len() - 6;
    crc[at] ^= 1;
    assert_eq!(decode(vec![Coding::Gzip], &crc).unwrap_err().kind, ErrorKind::Decoding);
}

#[test]
fn a_bomb_in_one_chunk_stops_at_the_limit() {
    const LIMIT: u64 = 100_000;
    for coding in ALL {
        let bomb = encode(coding, &vec![0; 4 << 20]);
        let mut decoder = Decoder::new(vec![coding], LIMIT).unwrap();
        let failure = write(&mut decoder, &bomb).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::BodyTooLarge);
        assert!(failure.message.contains("100000"), "{}", failure.message);
        assert!(decoder.sink.total <= LIMIT + SCRATCH as u64, "decoded {} bytes", decoder.sink.total);
        assert_eq!(decoder.sink.decoded.capacity(), 0);
    }
}

/// gzip of `count` empty deflate blocks; an outer coding compresses them to almost empty_blocks.
fn empty_blocks(count: usize) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend([0, 0, 0, 0xff, 0xff].repeat(count));
    gzip
}

#[test]
fn empty_blocks_are_bounded_between_the_codings() {
    const LIMIT: u64 = 100_000;
    for outer in ALL {
        let bomb = encode(outer, &empty_blocks(1 << 20));
        let mut decoder = Decoder::new(vec![Coding::Gzip, outer], LIMIT).unwrap();
        let failure = write(&mut decoder, &bomb).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::BodyTooLarge, "{outer:?}: {}", failure.message);
        let total = decoder.stages[0].total;
        assert!(total <= max_between(LIMIT) + SCRATCH as u64, "{outer:?}: {total} bytes");
        assert_eq!(decoder.sink.total, 0);
    }
    // A bomb compressed twice.
    let twice = encode(Coding::Gzip, &encode(Coding::Gzip, &vec![0; 4 << 20]));
    let mut decoder = Decoder::new(vec![Coding::Gzip, Coding::Gzip], LIMIT).unwrap();
    assert_eq!(write(&mut decoder, &twice).unwrap_err().kind, ErrorKind::BodyTooLarge);
}

#[test]
fn incompressible_data_of_exactly_the_limit_passes_all_codings() {
    let mut random = fastrand::Rng::with_seed(5);
    for length in [0, 1, 1000, 300_000] {
        let data: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        let encoded = ALL.iter().fold(data.clone(), |data, coding| encode(*coding, &data));
        assert!(decode_in(ALL.to_vec(), &encoded, 1000, length as u64).unwrap() == data);
    }
}

#[test]
fn a_decoder_pauses_for_other_tasks_and_for_a_full_buffer() {
    for outer in ALL {
        for (bomb, codings) in [
            (encode(outer, &empty_blocks(1 << 20)), vec![Coding::Gzip, outer]),
            (encode(outer, &vec![0; 8 << 20]), vec![outer]),
        ] {
            let mut decoder = Decoder::new(codings, u64::MAX).unwrap();
            let (mut rest, mut pauses, mut longest) = (&bomb[..], 0, 0);
            loop {
                let progress = decoder.write(rest, &mut Pace::default()).unwrap();
                rest = &rest[progress.read..];
                longest = longest.max(std::mem::take(decoder.decoded()).len());
                if progress.done {
                    break;
                }
                pauses += 1;
            }
            assert!(pauses > 5, "{outer:?}: {pauses} pauses");
            assert!(longest <= PIECE + SCRATCH, "{outer:?}: {longest} bytes at once");
        }
    }
}

#[test]
fn the_limit_is_exact_and_counts_the_whole_body() {
    for coding in ALL {
        let encoded = encode(coding, &text(70_000));
        assert_eq!(decode_in(vec![coding], &encoded, 1000, 70_000).unwrap().len(), 70_000);
        assert_eq!(decode_in(vec![coding], &encoded, 1000, 69_999).unwrap_err().kind, ErrorKind::BodyTooLarge);
    }
    let mut decoder = Decoder::new(Vec::new(), 10).unwrap();
    write(&mut decoder, b"12345").unwrap();
    assert_eq!(std::mem::take(decoder.decoded()), b"12345");
    write(&mut decoder, b"67890").unwrap();
    assert_eq!(std::mem::take(decoder.decoded()), b"67890");
    assert_eq!(write(&mut decoder, b"x").unwrap_err().kind, ErrorKind::BodyTooLarge);
}

#[test]
fn the_buffer_never_grows_beyond_the_limit() {
    let mut decoder = Decoder::new(Vec::new(), 100_000).unwrap();
    for _ in 0..100 {
        write(&mut decoder, &[0; 1000]).unwrap();
        assert!(decoder.sink.decoded.capacity() <= 100_000);
    }
    assert_eq!(finish(decoder).unwrap().len(), 100_000);
}

#[test]
fn zstd_windows_are_bounded() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.set_parameter(zstd::zstd_safe::CParameter::WindowLog(27)).unwrap();
    encoder.write_all(&text(1000)).unwrap();
    let failure = decode(vec![Coding::Zstd], &encoder.finish().unwrap()).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Decoding);
}

#[test]
fn the_decoder_is_send() {
    fn check<T: Send>() {}
    check::<Decoder>();
}

/// The block decodes to more than its length says (RFC 7932, 9.3).
#[test]
fn a_brotli_block_that_is_too_long_is_refused_however_it_is_cut() {
    let body = b"\0\0\0\x03\0\0\0\x01\0\x15\x15\x15\x11\0\x62\x08\x1b\0\0\x62\x06\x37\x78\x9c\xab\0\xd7\x36\xaf\xe4\x40\0\x02\x7b\x06\xd1\0\xd7\x3d\x21\x3a\0\xca\x9a\x3b\x2d\0\xaf\0\0\0";
    for chunk in 1..=body.len() {
        let error = decode_in(vec![Coding::Brotli], body, chunk, 1 << 20).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Decoding, "pieces of {chunk}");
    }
}
