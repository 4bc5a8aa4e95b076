//! The kernels over HTML: Markdown, the article of a page, elements by CSS selector, links, readable text.
//!
//! Every kernel works on a [`page::Page`]: the tree that an HTML5 parser builds, flat, in document order. [`parse`]
//! builds it in one of two ways that give the same tree (a test compares them on random documents):
//!
//! - [`quick`] builds pages that open and close their elements as most do. It keeps a stack and writes the nodes down
//!   in the order in which they come; it gives up where a parser would have to move what it has already placed.
//! - [`tree`] is html5ever's tree builder, for all the rest, behind guards: see there.
//!
//! Both read the same [`token`]s. The figures that decided this are in [`quick`].

pub mod article;
pub mod css;
pub mod doctype;
pub mod document;
pub mod entity;
pub mod links;
pub mod markdown;
pub mod page;
pub mod parse;
pub mod quick;
pub mod select;
pub mod sink;
pub mod tag;
pub mod text;
pub mod token;
pub mod tree;

#[cfg(test)]
#[path = "hostile/tests.rs"]
mod hostile;
#[cfg(test)]
mod tests;
