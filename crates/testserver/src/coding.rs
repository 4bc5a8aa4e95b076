//! Content codings: the encoded bodies of `/gzip`, `/br`, `/zstd` and `/deflate`.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, HTTP's "deflate".
    Deflate,
    /// RFC 1951 without the zlib wrapper, which some servers send as "deflate".
    RawDeflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Its name in `content-encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// `plain` in this coding, at a middling level. Writing to memory does not fail; if it did, the body would be cut.
    pub(crate) fn encode(self, plain: &[u8]) -> Vec<u8> {
        self.try_encode(plain).unwrap_or_default()
    }

    fn try_encode(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::new(5));
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(5));
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::RawDeflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(5));
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, 4, 20);
                encoder.write_all(plain)?;
                Ok(encoder.into_inner())
            }
            Self::Zstd => zstd::encode_all(plain, 3),
        }
    }
}
