//! `parallel.decompress`: the output stays within its bound, and compressed documents come back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_kernels::bytes::compress::Compressor;
use shoal_kernels::bytes::decompress::Decompressor;
use shoal_kernels::bytes::format::Format;
use shoal_kernels::stop::Stop;

const BOUND: u64 = 1 << 20;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let stop = Stop::default();
    let format = match choice % 5 {
        0 => None,
        1 => Some(Format::Gzip),
        2 => Some(Format::Zlib),
        3 => Some(Format::Zstd),
        _ => Some(Format::Brotli),
    };
    if let Ok(found) = Decompressor::new(format, Some(BOUND)).decompress(bytes, &stop) {
        assert!(found.len() as u64 <= BOUND);
    }
    if let Some(format) = format.filter(|_| choice >= 128)
        && let Ok(compressor) = Compressor::new(format, None)
    {
        let packed = compressor.compress(bytes, &stop).expect("anything can be compressed");
        let back = Decompressor::new(Some(format), None).decompress(&packed, &stop).expect("and comes back");
        assert_eq!(back, bytes);
    }
});
