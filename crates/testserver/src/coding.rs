//! Content codings: the encoded bodies of `/gzip`, `/br`, `/zstd` and `/deflate`.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{DeflateEncoder, GzEncoder, ZlibEncoder};

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

    /// `plain` in this coding, at a middling level. Reading from memory does not fail; if it did, the body would be cut.
    pub(crate) fn encode(self, plain: &[u8]) -> Vec<u8> {
        let (mut out, level) = (Vec::new(), Compression::new(5));
        let _ = match self {
            Self::Gzip => GzEncoder::new(plain, level).read_to_end(&mut out),
            Self::Deflate => ZlibEncoder::new(plain, level).read_to_end(&mut out),
            Self::RawDeflate => DeflateEncoder::new(plain, level).read_to_end(&mut out),
            Self::Brotli => brotli::CompressorReader::new(plain, 64 * 1024, 4, 20).read_to_end(&mut out),
            Self::Zstd => return zstd::encode_all(plain, 3).unwrap_or_default(),
        };
        out
    }
}
