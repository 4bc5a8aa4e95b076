//! The trees of both builders beside html5ever's own, and the matches of a selector beside dom_query's. For tests and the
//! fuzz target: each check says where they differ.

use std::fmt::Debug;

use dom_query::{Document, Matcher, NodeRef};
use html5ever::ns;

use super::page::Page;
use super::select::Selector;
use super::{document, fast_path, parse, slow_path};
use shoal_kernels::stop::Stop;

/// Tags up to which no builder reaches its limit of depth.
const MAX_TAGS: usize = 400;

/// Compares the trees of a document; whether the fast path built it.
pub fn check_trees(html: &str) -> Result<bool, String> {
    let stop = Stop::default();
    let source = parse::normalize(html).map_err(|error| error.to_string())?;
    let slow = slow_path::build(&source, &stop).map(|page| outline(&page));
    let fast = fast_path::build(&source, &stop).map_err(|error| error.to_string())?.map(|page| outline(&page));
    // A document may be refused for its depth or its size.
    let Ok(slow) = slow else { return Ok(false) };
    if html.matches('<').count() <= MAX_TAGS {
        same(&slow, &html5ever_outline(html), &format!("slow path: {html:?}"))?;
    }
    if let Some(fast) = &fast {
        same(fast, &slow, &format!("fast path: {html:?}"))?;
    }
    Ok(fast.is_some())
}

/// Compares the elements that a selector finds. dom_query differs in two ways, which are left out: it takes the document
/// for the root, and `xml:id` for `id`.
pub fn check_matches(css: &str, html: &str) -> Result<(), String> {
    let contains = |text: &str, parts: &[&str]| parts.iter().any(|part| text.to_ascii_lowercase().contains(part));
    let differs = contains(css, &[":root", ":scope", ":host", "\\"]) || contains(html, &[":id", ":class"]);
    // More might nest deeper than the document that is compared.
    if differs || html.matches('<').count() > 80 {
        return Ok(());
    }
    let (Ok(selector), Ok(matcher)) = (Selector::new(css, None), Matcher::new(css)) else { return Ok(()) };
    let source = parse::normalize(html).map_err(|error| error.to_string())?;
    let Ok(page) = parse::page(&source, &Stop::default()) else { return Ok(()) };
    let document = document::of(&page);
    let root = document.html_root();
    // dom_query takes the document for the parent element of `<html>`.
    root.remove_from_parent();
    let elements = std::iter::once(root).chain(root.descendants_it().filter(NodeRef::is_element));
    let expected: Vec<bool> = elements.map(|element| matcher.match_element(&element)).collect();
    let found = selector.indices(&page).map_err(|error| error.to_string())?;
    let nodes = page.nodes.iter().enumerate().filter(|(_, node)| !node.is_text);
    let found: Vec<bool> = nodes.map(|(index, _)| found.contains(&index)).collect();
    same(&found, &expected, &format!("{css:?} in {html:?}"))
}

fn same<T: PartialEq + Debug + ?Sized>(ours: &T, expected: &T, of: &str) -> Result<(), String> {
    if ours == expected { Ok(()) } else { Err(format!("{of}\n  ours: {ours:?}\nexpected: {expected:?}")) }
}

/// A tree as text: a line per element or text. html5ever splits texts at comments, so adjacent ones are joined.
#[derive(Default)]
struct Outline {
    out: String,
    text: Option<(usize, String)>,
}

impl Outline {
    fn text(&mut self, parent: usize, text: &str) {
        match &mut self.text {
            Some((same, so_far)) if *same == parent => so_far.push_str(text),
            _ => {
                self.flush();
                self.text = Some((parent, text.to_owned()));
            }
        }
    }

    fn element<'a>(&mut self, depth: usize, name: &str, attrs: impl Iterator<Item = (String, &'a str)>) {
        self.flush();
        self.out += &format!("{depth} {name}");
        for (name, value) in attrs {
            self.out += &format!(" {name}={value:?}");
        }
        self.out.push('\n');
    }

    fn flush(&mut self) {
        if let Some((_, text)) = self.text.take() {
            self.out += &format!("  {text:?}\n");
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.out
    }
}

fn outline(page: &Page<'_>) -> String {
    let mut outline = Outline::default();
    let mut depths: Vec<usize> = Vec::new();
    for node in &page.nodes {
        let depth = depths.get(node.parent as usize).map_or(0, |depth| depth + 1);
        depths.push(depth);
        if node.is_text {
            outline.text(node.parent as usize, page.text(node));
            continue;
        }
        let attrs = page.attrs(node).iter();
        let attrs = attrs.map(|attr| (page.strings.get(attr.name).to_owned(), page.strings.get(attr.value)));
        outline.element(depth, &format!("{:?} {}", node.space, page.text(node)), attrs);
    }
    outline.finish()
}

fn html5ever_outline(html: &str) -> String {
    let document = Document::from(html);
    let mut outline = Outline::default();
    // Node, depth and the number of the parent element.
    let mut stack: Vec<(NodeRef<'_>, usize, usize)> = vec![(document.html_root(), 0, 0)];
    let mut count = 0;
    while let Some((node, depth, parent)) = stack.pop() {
        if node.is_text() {
            outline.text(parent, &node.text());
        }
        if !node.is_element() {
            continue;
        }
        let Some(name) = node.qual_name_ref().map(|name| name.clone()) else { continue };
        let space = match name.ns {
            ns!(svg) => "Svg",
            ns!(mathml) => "Math",
            _ => "Html",
        };
        let attrs = node.attrs();
        let attrs = attrs.iter().map(|attr| {
            let prefix = attr.name.prefix.as_deref().filter(|prefix| !prefix.is_empty());
            let prefix = prefix.map(|prefix| format!("{prefix}:")).unwrap_or_default();
            (prefix + &attr.name.local, &*attr.value)
        });
        outline.element(depth, &format!("{space} {}", &*name.local), attrs);
        count += 1;
        let children: Vec<_> = node.children_it(false).collect();
        stack.extend(children.into_iter().rev().map(|child| (child, depth + 1, count)));
    }
    outline.finish()
}
