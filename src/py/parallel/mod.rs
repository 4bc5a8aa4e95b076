//! `shoal.parallel`: a function for each kernel, which reads its arguments and starts a batch on the pool.

pub mod bytes;
mod documents;
mod held;
mod keywords;
mod listed;
mod pieces;
mod run;
