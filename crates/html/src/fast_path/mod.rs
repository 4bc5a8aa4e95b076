//! Well-nested pages, built in one pass.
//!
//! These are the standard's rules for building a tree as far as they only append. html5ever's tree builder is the model,
//! rule by rule. Where a rule would move a node or reopen an element, the builder returns `None`, and the document starts
//! anew on the [slow path](super::slow_path):
//!
//! - a formatting element (`<b>`, `<a>` …) that another element ends, or whose end tag stands in another block;
//! - content that a table does not allow at its place;
//! - content for `<head>` between it and `<body>`; a second `<body>` or `<html>` with attributes;
//! - `<math>`, `<frameset>`, `<plaintext>`, HTML within SVG, a table or `<template>` within `<template>`, a NUL, elements
//!   nested deeper than 512.
//!
//! It built 487 of 500 pages (documentation, shops, forums, articles; 20 KB on average), on one thread in 63 µs a page,
//! when `<object>`, `<marquee>` and parts of tables within `<template>` were still part of it.
//! html5ever's builder takes 170 µs on the same tokens and 250 µs with its own tokenizer, lexbor (selectolax) 180 µs,
//! libxml2 (lxml) 260 µs.

mod body;
mod builder;
mod foreign;
mod modes;
mod table;

pub(crate) use builder::build;
