//! A body as it is received: decoded, bounded, without holding the reactor.

use std::mem::{replace, take};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::decode::{Decoder, codings};
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::memory;
use crate::pace::Pace;
use crate::settings::DEFAULT_MAX_BODY;
use crate::transport::{Body, Head, reserve};

/// Encoded bytes received at once.
const RAW_PIECE: usize = 64 << 10;

/// A body that is saved may decode to [`DEFAULT_MAX_BODY`] and this many times its received bytes. Text rarely compresses
/// to less than a twentieth, a bomb to less than a thousandth.
const MAX_RATIO: u64 = 100;

pub(super) fn too_large(limit: u64, detail: &str) -> AttemptError {
    AttemptError::new(
        ErrorKind::BodyTooLarge,
        Phase::Body,
        format!("the body exceeds max_body of {limit} bytes ({detail})"),
    )
}

/// The most decoded bytes of a body.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Bytes(u64),
    /// In proportion to the received bytes, for files: a large body is welcome, a bomb would fill the disk.
    Received,
}

impl Limit {
    /// The limit after this many received bytes.
    fn after(self, received: u64) -> u64 {
        match self {
            Self::Bytes(limit) => limit,
            Self::Received => received.saturating_mul(MAX_RATIO).saturating_add(DEFAULT_MAX_BODY),
        }
    }
}

/// Reads and decodes a body piece by piece, never beyond the limit.
pub(super) struct Inflow<B> {
    body: B,
    timeout: Option<Duration>,
    limit: Limit,
    /// Received bytes, undecoded.
    received: u64,
    pace: Pace,
    decoding: Decoding,
}

enum Decoding {
    Identity(Vec<u8>),
    Encoded(Box<Encoded>),
}

struct Encoded {
    raw: Vec<u8>,
    read: usize,
    done: bool,
    decoder: Decoder,
}

impl<B: Body> Inflow<B> {
    pub(super) fn new(head: &Head, body: B, limit: Limit, timeout: Option<Duration>) -> Result<Self, AttemptError> {
        let codings = codings(&head.headers)?;
        let decoding = if codings.is_empty() {
            // An announced length beyond the limit is refused before any byte is read.
            if let Some(length) = head.length.filter(|length| *length > limit.after(*length)) {
                return Err(too_large(limit.after(length), &format!("the server announces {length}")));
            }
            Decoding::Identity(Vec::new())
        } else {
            let raw = memory::with_capacity(reserve(head.length).clamp(1, RAW_PIECE))?;
            Decoding::Encoded(Box::new(Encoded {
                raw,
                read: 0,
                done: true,
                decoder: Decoder::new(codings, limit.after(0))?,
            }))
        };
        Ok(Self { body, timeout, limit, received: 0, pace: Pace::default(), decoding })
    }

    /// The decoded bytes, until they are taken out.
    pub(super) fn decoded(&mut self) -> &mut Vec<u8> {
        self.decoding.decoded()
    }

    /// Reads and decodes a piece; `false` at the end.
    pub(super) async fn read(&mut self) -> Result<bool, AttemptError> {
        let Self { body, timeout, limit, received, pace, decoding } = self;
        match decoding {
            Decoding::Identity(bytes) => {
                let count = within(*timeout, pace.wait(body.read(bytes))).await?;
                *received += count as u64;
                if *received > limit.after(*received) {
                    return Err(too_large(limit.after(*received), "more was received"));
                }
                if count > 0 && pace.is_due() {
                    pace.rest().await;
                }
                Ok(count > 0)
            }
            Decoding::Encoded(encoded) => {
                if encoded.done {
                    encoded.raw.clear();
                    let count = within(*timeout, pace.wait(body.read(&mut encoded.raw))).await?;
                    if count == 0 {
                        encoded.decoder.end()?;
                        return Ok(false);
                    }
                    *received += count as u64;
                    encoded.read = 0;
                    encoded.decoder.set_limit(limit.after(*received));
                }
                if encoded.decoder.is_heavy() {
                    decoding.decode_on_blocking_pool(pace).await?;
                    return Ok(true);
                }
                encoded.decode(pace)?;
                if !encoded.done && pace.is_due() {
                    pace.rest().await;
                }
                Ok(true)
            }
        }
    }
}

impl Encoded {
    fn decode(&mut self, pace: &mut Pace) -> Result<(), AttemptError> {
        let progress = self.decoder.write(self.raw.get(self.read..).unwrap_or_default(), pace)?;
        self.read += progress.read;
        self.done = progress.done;
        Ok(())
    }
}

impl Decoding {
    /// [`Encoded::decode`] on the blocking pool.
    async fn decode_on_blocking_pool(&mut self, pace: &mut Pace) -> Result<(), AttemptError> {
        let Self::Encoded(mut encoded) = replace(self, Self::Identity(Vec::new())) else { return Ok(()) };
        let decoding = spawn_blocking(move || {
            let decoded = encoded.decode(&mut Pace::default());
            (encoded, decoded)
        });
        let failed = |_| AttemptError::new(ErrorKind::Internal, Phase::Body, "the decoder failed");
        let (encoded, decoded) = pace.wait(decoding).await.map_err(failed)?;
        *self = Self::Encoded(encoded);
        decoded
    }

    fn decoded(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Identity(bytes) => bytes,
            Self::Encoded(encoded) => encoded.decoder.decoded(),
        }
    }
}

impl<B> Drop for Inflow<B> {
    fn drop(&mut self) {
        memory::discard(take(self.decoding.decoded()));
    }
}

/// Bounds the silence before the next piece.
async fn within(
    limit: Option<Duration>,
    read: impl Future<Output = Result<usize, AttemptError>>,
) -> Result<usize, AttemptError> {
    let Some(limit) = limit else { return read.await };
    tokio::time::timeout(limit, read).await.unwrap_or_else(|_| {
        let message = format!("no further byte of the body within {} s", limit.as_secs_f64());
        Err(AttemptError::new(ErrorKind::ReadTimeout, Phase::Body, message))
    })
}
