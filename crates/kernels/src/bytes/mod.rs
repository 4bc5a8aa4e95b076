//! Kernels over bytes: hashing, compressing, unpacking.

pub mod compress;
pub mod decompress;
pub mod format;
pub mod hash;
