//! Content codings, nested too: bounded in every stage, and decoded alike however the body is cut into pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_http::error::ErrorKind;
use shoal_http::fuzzing::{Coding, Decoder, Pace};

const LIMIT: u64 = 1 << 20;
const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (chosen, cut, body) = input;
    // Two bits a coding, one to three codings.
    let codings: Vec<_> = (0..1 + chosen % 3).map(|n| CODINGS[usize::from(chosen >> (2 + 2 * n) & 3)]).collect();
    let whole = decoded(&codings, [body]);
    let pieces = decoded(&codings, body.chunks(1 + usize::from(cut)));
    assert_eq!(whole, pieces);
});

fn decoded<'a>(codings: &[Coding], pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, ErrorKind> {
    let mut decoder = Decoder::new(codings.to_vec(), LIMIT).map_err(|failure| failure.kind)?;
    for mut piece in pieces {
        loop {
            let progress = decoder.write(piece, &mut Pace::default()).map_err(|failure| failure.kind)?;
            piece = &piece[progress.read..];
            if progress.done {
                break;
            }
        }
    }
    decoder.end().map_err(|failure| failure.kind)?;
    let decoded = std::mem::take(decoder.decoded());
    assert!(decoded.len() as u64 <= LIMIT);
    Ok(decoded)
}
