//! Kernels over texts: patterns as `re` has them, and near duplicates.

mod backtracking;
pub mod count;
pub mod dedupe;
mod escape;
pub mod findall;
pub mod minhash;
mod narrow;
pub mod pattern;
pub mod replace;
pub mod replacement;
mod search;
mod shape;
mod starts;
mod syntax;
