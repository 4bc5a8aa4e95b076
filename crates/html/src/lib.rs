//! The kernels over HTML: Markdown, the article of a page, elements by CSS selector, links, readable text.
//!
//! Every kernel works on a [`page::Page`]: the tree that the HTML standard prescribes, as a flat list in document order.
//! Two builders make it from the same [`tokenizer`], and they make the same tree:
//!
//! - [`fast_path`] builds well-nested pages. It keeps the stack of open elements and writes each node once; it returns
//!   nothing as soon as the standard would move a node.
//! - [`slow_path`] is html5ever's tree builder behind limits, for all other pages.
//!
//! `reference` compares both with html5ever's own tree, in tests and under the fuzzer.

pub mod article;
pub mod links;
pub mod markdown;
pub mod select;
pub mod text;

mod document;
mod entities;
mod fast_path;
mod page;
mod parse;
mod slow_path;
mod tag;
mod tokenizer;

#[cfg(any(test, fuzzing))]
pub mod reference;
#[cfg(test)]
mod tests;
