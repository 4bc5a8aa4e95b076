//! `shoal.parallel`: a function for each kernel, which reads its arguments and starts a batch on the pool.

mod arguments;
pub mod bytes;
pub mod column;
mod documents;
mod held;
pub mod html;
pub mod json;
mod keywords;
mod listed;
mod pieces;
mod run;
pub mod similar;
pub mod table;
mod tabled;
pub mod text;
mod values;

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
