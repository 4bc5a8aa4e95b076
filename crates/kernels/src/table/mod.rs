//! Tables: the values found in many documents, as Arrow columns.
//!
//! Each document's cells are collected on the thread that reads it, as [`DocumentRows`](document_rows::DocumentRows): nine
//! bytes a cell, in a handful of allocations, without types. When all documents are read, [`assemble`](assemble::assemble)
//! decides the type of each column by the kinds of its cells and builds one Arrow array for it. There is one batch,
//! however large: texts have 64-bit offsets, so nothing overflows, and a column of numbers is one buffer that NumPy can
//! view.

pub mod assemble;
pub mod cells;
pub mod document_rows;
