//! Kernels over texts: patterns as `re` has them, and near duplicates.
//!
//! A pattern is translated from the syntax of `re` to that of the regex crate (`syntax`) and compiled to an engine
//! (`engine`): an automaton, which takes linear time, or backtracking for patterns that need it. `search` walks over all
//! matches of a document; `findall` and `replace` use them.

mod byte_classes;
pub mod dedupe;
mod engine;
mod escape;
pub mod findall;
pub mod minhash;
pub mod pattern;
mod prefilter;
pub mod replace;
mod search;
mod shape;
mod syntax;
