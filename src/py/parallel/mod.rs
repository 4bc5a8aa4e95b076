//! `shoal.parallel`: a function for each kernel, which reads its arguments and starts a batch on the pool.

mod arguments;
pub mod bytes;
mod documents;
mod held;
pub mod html;
pub mod json;
mod keywords;
mod listed;
mod pieces;
mod run;
pub mod similar;
mod tabled;
pub mod text;

/// The names of all functions.
pub const FUNCTIONS: [&str; 15] = [
    "compress",
    "decompress",
    "dedupe",
    "hash",
    "html_article",
    "html_links",
    "html_select",
    "html_text",
    "html_to_markdown",
    "json_extract",
    "json_rows",
    "minhash",
    "regex_count",
    "regex_findall",
    "regex_replace",
];
