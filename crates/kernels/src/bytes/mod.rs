//! Kernels over bytes: hashes, and compression in both directions.

pub mod compress;
pub mod decompress;
pub mod format;
mod gzip;
pub mod hash;
mod output;
