//! Compressed formats: names and first bytes.

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 1950; only unpacked.
    Zlib,
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
}

impl Format {
    /// Parses a format to compress to.
    pub fn to_write(name: &str) -> Result<Self, String> {
        match name {
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "brotli" => Ok(Self::Brotli),
            _ => Err(format!("no format {name:?}: \"gzip\", \"zstd\" or \"brotli\"")),
        }
    }

    /// Parses a format to unpack; `None` for `"auto"`: told by each document's first bytes.
    pub fn to_read(name: &str) -> Result<Option<Self>, String> {
        match name {
            "auto" => Ok(None),
            "gzip" => Ok(Some(Self::Gzip)),
            "zlib" => Ok(Some(Self::Zlib)),
            "zstd" => Ok(Some(Self::Zstd)),
            "brotli" => Ok(Some(Self::Brotli)),
            _ => Err(format!("no format {name:?}: \"auto\", \"gzip\", \"zlib\", \"zstd\" or \"brotli\"")),
        }
    }

    /// The format by the first bytes; brotli has no mark.
    pub fn guess(document: &[u8]) -> Option<Self> {
        match document {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable one, which some tools write before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            // deflate with a window of up to 32 KiB, no dictionary, and a checksum that is right by chance in one case of 31.
            [head, flags, ..] if head & 0x0f == 8 && head >> 4 <= 7 && flags & 0x20 == 0 => {
                (u16::from_be_bytes([*head, *flags]) % 31 == 0).then_some(Self::Zlib)
            }
            _ => None,
        }
    }

    /// The name, as `to_read` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Brotli => "brotli",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_marks() {
        for name in ["gzip", "zlib", "zstd", "brotli"] {
            assert_eq!(Format::to_read(name).map(|format| format.map(Format::name)), Ok(Some(name)));
        }
        assert_eq!(Format::to_read("auto"), Ok(None));
        assert!(Format::to_read("lzma").is_err_and(|message| message.contains("\"auto\"")));
        assert!(Format::to_write("zlib").is_err_and(|message| message.contains("\"brotli\"")));
        assert_eq!(Format::guess(b"\x1f\x8b\x08"), Some(Format::Gzip));
        assert_eq!(Format::guess(b"\x78\x9c"), Some(Format::Zlib));
        assert_eq!(Format::guess(b"\x52\x2a\x4d\x18"), Some(Format::Zstd));
        assert_eq!(Format::guess(b"x!"), None);
        assert_eq!(Format::guess(b""), None);
    }
}
