//! Malicious and damaged encoded bodies: bombs, and gzip that is corrupt or truncated.
//!
//! A bomb of any size takes the time of encoding one MiB: the encoders are brought to repeat their output, and the bytes
//! of one MiB of zeros are copied as often as needed.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress};

use crate::answer::{Answer, Body, Reply};
use crate::coding::Coding;
use crate::content::{json_rest, json_start};
use crate::context::{Context, in_memory};

const MIB: usize = 1024 * 1024;
/// The largest bomb, decoded.
const LIMIT_MIB: u64 = 16 * 1024;

/// `mb` MiB (300) of zeros.
pub(crate) fn bomb(context: &Context<'_>, coding: Coding) -> Result<Answer, String> {
    let mib = context.head.number("mb", 300)?;
    if mib == 0 || mib > LIMIT_MIB {
        return Err(format!("mb must be from 1 to {LIMIT_MIB}, not {mib}"));
    }
    let make = || match coding {
        Coding::Brotli => brotli_zeros(mib as usize),
        Coding::Zstd => zstd_zeros(mib as usize),
        _ => gzip_zeros(mib as usize),
    };
    let body = context.shared.bombs.get((coding, mib), || make().unwrap_or_default());
    let reply = Reply::ok("application/octet-stream", Body::Parts(Vec::new(), body));
    Ok(reply.with_header("content-encoding", coding.name()).into())
}

/// After a full flush the encoder has no state, so each MiB encodes to the same bytes: about 1 KB.
fn gzip_zeros(mib: usize) -> io::Result<Vec<u8>> {
    let zeros = vec![0; MIB];
    let mut chunk = Vec::with_capacity(64 * 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(&zeros, &mut chunk, FlushCompress::Full)
        .map_err(io::Error::other)?;
    let mut one = Crc::new();
    one.update(&zeros);
    let mut crc = Crc::new();
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    for _ in 0..mib {
        out.extend_from_slice(&chunk);
        crc.combine(&one);
    }
    // An empty last block, then the checksum and the length modulo 2³².
    out.extend_from_slice(&[3, 0]);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&((mib * MIB) as u32).to_le_bytes());
    Ok(out)
}

/// From the second MiB on the encoder has the same state after each flush. If a version of it has not, every MiB is
/// encoded.
fn brotli_zeros(mib: usize) -> io::Result<Vec<u8>> {
    let zeros = vec![0; MIB];
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, 5, 22);
    let mut ends = Vec::new();
    for done in 0..mib {
        encoder.write_all(&zeros)?;
        encoder.flush()?;
        let out = encoder.get_ref();
        ends.push(out.len());
        if let [.., first, second, third] = *ends {
            let repeated = out.get(second..third).unwrap_or_default().to_vec();
            if out.get(first..second) == Some(repeated.as_slice()) {
                let mut out = encoder.into_inner();
                let last = out.split_off(third);
                for _ in done + 1..mib {
                    out.extend_from_slice(&repeated);
                }
                out.extend_from_slice(&last);
                return Ok(out);
            }
        }
    }
    Ok(encoder.into_inner())
}

/// zstd encodes runs as runs: one frame, made in milliseconds.
fn zstd_zeros(mib: usize) -> io::Result<Vec<u8>> {
    let zeros = vec![0; MIB];
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    for _ in 0..mib {
        encoder.write_all(&zeros)?;
    }
    encoder.finish()
}

/// A gzip body of a document of `n` bytes (4096).
fn gzip_document(context: &Context<'_>) -> Result<Vec<u8>, String> {
    let n = in_memory(context.head.number("n", 4096)?)?;
    let rest = json_rest(n);
    let mut plain = json_start(n, None, rest.len());
    plain.extend_from_slice(&rest);
    Ok(Coding::Gzip.encode(&plain))
}

fn gzip_reply(body: Vec<u8>) -> Answer {
    Reply::ok("application/json", Body::Owned(body)).with_header("content-encoding", "gzip").into()
}

/// Inverts bytes in the middle of the compressed data; the length is right.
pub(crate) fn corrupt_gzip(context: &Context<'_>) -> Result<Answer, String> {
    let mut body = gzip_document(context)?;
    let middle = body.len() / 2;
    for byte in body.iter_mut().skip(middle).take(16) {
        *byte = !*byte;
    }
    Ok(gzip_reply(body))
}

/// Drops the second half of the compressed data; `content-length` is right, but the coding does not end.
pub(crate) fn truncated_gzip(context: &Context<'_>) -> Result<Answer, String> {
    let mut body = gzip_document(context)?;
    body.truncate(body.len() / 2);
    Ok(gzip_reply(body))
}
