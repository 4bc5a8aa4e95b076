//! Preformatted text: its line ends and its language.

use crate::page::{Node, Page};
use crate::tag::Tag;

/// Ancestors of `<pre>` on which highlighters write the language.
const MAX_ANCESTORS: usize = 3;

/// Ends the line, unless it is empty.
pub(super) fn end_line(code: &mut String) {
    if !code.is_empty() && !code.ends_with('\n') {
        code.push('\n');
    }
}

/// The language of the `<pre>` at `at`, from the class of its `<code>`, its own, or an ancestor's.
pub(super) fn language<'a>(page: &'a Page<'_>, at: usize) -> Option<&'a str> {
    let pre = page.node(at)?;
    let inner = page.node(at + 1).filter(|node| node.tag == Tag::Code);
    let ancestors = std::iter::successors(Some(pre), |node| page.node(node.parent as usize)).take(1 + MAX_ANCESTORS);
    inner.into_iter().chain(ancestors).find_map(|node| of_element(page, node))
}

fn of_element<'a>(page: &'a Page<'_>, node: &Node) -> Option<&'a str> {
    let classes = page.attr(node, "class").unwrap_or_default().split_ascii_whitespace();
    // GitHub, then Sphinx, whose `highlight-default` is no language.
    let prefixes = ["language-", "lang-", "highlight-source-", "highlight-text-", "highlight-"];
    let named = classes.filter_map(|class| prefixes.iter().find_map(|prefix| class.strip_prefix(prefix)));
    let mut names = named.chain(page.attr(node, "data-lang"));
    names.find(|name| is_language(name))
}

fn is_language(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+#-._".contains(&byte);
    (1..=40).contains(&name.len())
        && name.bytes().all(known)
        && !matches!(name, "default" | "none" | "plaintext" | "text")
}
