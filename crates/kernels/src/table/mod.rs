//! Tables: what kernels find in many documents, as Arrow columns.
//!
//! Each document's cells are collected where it is read, on any thread, as [`document_rows::DocumentRows`]: nine bytes a cell, all of
//! them in a handful of allocations, with no type agreed on yet. When all documents are read, [`assemble`] looks which
//! kinds a column has, decides its type, and builds one Arrow array a column. There is one batch, however large:
//! texts have 64-bit offsets, so nothing overflows, and a column of numbers is one buffer that NumPy can view.

pub mod assemble;
pub mod build;
pub mod cells;
pub mod document_rows;
pub mod kind;
pub mod scatter;
