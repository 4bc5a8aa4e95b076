use std::io::Read;

use super::{MIB, brotli_zeros, gzip_zeros, zstd_zeros};

fn count_zeros(mut reader: impl Read) -> usize {
    let mut piece = vec![1; MIB];
    let mut count = 0;
    loop {
        let read = reader.read(&mut piece).unwrap();
        if read == 0 {
            return count;
        }
        assert!(piece.iter().take(read).all(|byte| *byte == 0));
        count += read;
    }
}

#[test]
fn bombs_are_small_and_unpack_to_zeros() {
    for mib in [1, 2, 3, 4, 12] {
        let gzip = gzip_zeros(mib).unwrap();
        assert!(gzip.len() < 1100 * mib + 100, "{}", gzip.len());
        assert_eq!(count_zeros(flate2::read::GzDecoder::new(gzip.as_slice())), mib * MIB);
        let brotli = brotli_zeros(mib).unwrap();
        assert!(brotli.len() < 1000 * mib, "{}", brotli.len());
        assert_eq!(count_zeros(brotli::Decompressor::new(brotli.as_slice(), 64 * 1024)), mib * MIB);
        let zstd = zstd_zeros(mib).unwrap();
        assert!(zstd.len() < 1000 * mib, "{}", zstd.len());
        assert_eq!(count_zeros(zstd::Decoder::new(zstd.as_slice()).unwrap()), mib * MIB);
    }
}
