//! The elements of a [`Page`] as the `selectors` crate sees them.
//!
//! The matcher asks an element for its name, its attributes and its neighbours. The flat page answers each question in
//! place, so no second tree is built.

use std::cell::Cell;
use std::sync::LazyLock;

use dom_query::NodeRef;
use html5ever::{LocalName, Namespace};
use selectors::OpaqueElement;
use selectors::attr::{AttrSelectorOperation, CaseSensitivity, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::context::MatchingContext;
use selectors::matching::ElementSelectorFlags;
use selectors::parser::SelectorImpl;

use crate::page::{Node, Page, Space};
use crate::tag::Tag;
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// dom_query's dialect of selectors, which [`dom_query::Matcher`] parses.
type Dialect = <NodeRef<'static> as selectors::Element>::Impl;
type Name = <Dialect as SelectorImpl>::LocalName;
type Value = <Dialect as SelectorImpl>::AttrValue;
type PseudoClass = <Dialect as SelectorImpl>::NonTSPseudoClass;
type PseudoElement = <Dialect as SelectorImpl>::PseudoElement;

/// Nodes that one search may visit, about two seconds of work. A page of 20 KB takes some thousands; `a ~ b` on 100,000
/// siblings would take 5 billion. Tests are not optimized.
const MAX_STEPS: u32 = if cfg!(test) { 5_000_000 } else { 200_000_000 };

/// Steps between two looks at the stop.
const STOP_MASK: u32 = (1 << 16) - 1;

/// The names of the known tags, indexed by tag: two of them compare as integers.
static NAMES: LazyLock<Vec<LocalName>> =
    LazyLock::new(|| Tag::ALL.iter().map(|tag| LocalName::from(tag.name())).collect());

/// A page under search, with the steps that are left.
#[derive(Debug)]
pub(super) struct Search<'a> {
    page: &'a Page<'a>,
    names: &'static [LocalName],
    pub(super) stop: &'a Stop,
    steps: Cell<u32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(page: &'a Page<'a>, stop: &'a Stop) -> Self {
        Self { page, names: &NAMES, stop, steps: Cell::new(MAX_STEPS) }
    }

    /// All elements, in document order.
    pub(super) fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        (0..self.page.nodes.len()).filter_map(|index| self.element(index))
    }

    /// Fails if the search was stopped or ran out of steps. Matches since then are void.
    pub(super) fn check(&self) -> Result<(), KernelError> {
        if self.steps.get() > 0 {
            return Ok(());
        }
        self.stop.check()?;
        Err(KernelError::value("the CSS selector takes too long on this page"))
    }

    fn element(&self, index: usize) -> Option<Element<'_>> {
        let node = self.page.node(index).filter(|node| !node.is_text)?;
        Some(Element { search: self, index, node })
    }

    /// The element at `index`, for a step. Without steps elements have no neighbours, so that a match ends at once.
    fn step(&self, index: usize) -> Option<Element<'_>> {
        self.spend(1);
        if self.steps.get() > 0 { self.element(index) } else { None }
    }

    fn spend(&self, steps: usize) {
        let left = self.steps.get().saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        let stopped = left & STOP_MASK == 0 && self.stop.is_set();
        self.steps.set(if stopped { 0 } else { left });
    }
}

/// An element of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    search: &'a Search<'a>,
    index: usize,
    node: &'a Node,
}

impl<'a> Element<'a> {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    fn page(&self) -> &'a Page<'a> {
        self.search.page
    }

    fn name(&self) -> &'a str {
        self.page().text(self.node)
    }

    fn descendants(&self) -> &'a [Node] {
        self.page().nodes.get(self.index + 1..self.node.end as usize).unwrap_or_default()
    }

    /// The first element among siblings: the node at `at` or after the text there, before `end`.
    fn first_of(&self, at: usize, end: usize) -> Option<Self> {
        (at..end.min(at + 2)).find_map(|at| self.search.step(at))
    }

    fn has_attr(&self, name: &str, test: impl Fn(&str) -> bool) -> bool {
        self.page().attr(self.node, name).is_some_and(test)
    }

    /// The texts of the element, paid for in steps.
    fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.search.spend(self.descendants().len());
        self.page().texts(self.index).inspect(|text| self.search.spend(text.len() / 64))
    }

    fn is_blank(&self, node: &Node) -> bool {
        node.is_text && self.page().text(node).trim().is_empty()
    }
}

impl selectors::Element for Element<'_> {
    type Impl = Dialect;

    fn opaque(&self) -> OpaqueElement {
        OpaqueElement::new(self.node)
    }

    fn parent_element(&self) -> Option<Self> {
        (self.index > 0).then(|| self.search.step(self.node.parent as usize)).flatten()
    }

    fn parent_node_is_shadow_root(&self) -> bool {
        false
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        None
    }

    fn is_pseudo_element(&self) -> bool {
        false
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        let parent = self.node.parent;
        let mut at = self.index.checked_sub(1)?;
        // From the last node of the subtree before, up to its root.
        while at > parent as usize {
            let node = self.page().node(at)?;
            at = match node.parent == parent {
                true if !node.is_text => return self.search.step(at),
                true => at - 1,
                false => node.parent as usize,
            };
        }
        None
    }

    fn next_sibling_element(&self) -> Option<Self> {
        let parent = self.page().node(self.node.parent as usize)?;
        self.first_of(self.node.end as usize, parent.end as usize)
    }

    fn first_element_child(&self) -> Option<Self> {
        self.first_of(self.index + 1, self.node.end as usize)
    }

    fn is_html_element_in_html_document(&self) -> bool {
        self.node.space == Space::Html
    }

    fn has_local_name(&self, name: &Name) -> bool {
        match self.node.tag {
            Tag::Other => self.name() == &***name,
            tag => self.search.names.get(tag as usize) == Some(&**name),
        }
    }

    fn has_namespace(&self, namespace: &Namespace) -> bool {
        self.node.space.namespace() == *namespace
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.node.space == other.node.space && self.name() == other.name()
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        name: &Name,
        operation: &AttrSelectorOperation<&Value>,
    ) -> bool {
        let page = self.page();
        page.attrs(self.node).iter().any(|attr| {
            let (_, space, local) = self.node.space.split_attr(page.strings.get(attr.name));
            let in_namespace = match namespace {
                NamespaceConstraint::Any => true,
                NamespaceConstraint::Specific(namespace) => space == **namespace,
            };
            local == &***name && in_namespace && operation.eval_str(page.strings.get(attr.value))
        })
    }

    fn match_non_ts_pseudo_class(&self, class: &PseudoClass, _: &mut MatchingContext<'_, Dialect>) -> bool {
        match class {
            PseudoClass::AnyLink | PseudoClass::Link => {
                let local = |name| self.node.space.split_attr(self.page().strings.get(name)).2;
                matches!(self.name(), "a" | "area" | "link")
                    && self.page().attrs(self.node).iter().any(|attr| local(attr.name) == "href")
            }
            PseudoClass::OnlyText => matches!(self.descendants(), [only] if only.is_text && !self.is_blank(only)),
            PseudoClass::HasText(part) => self.texts().any(|text| text.contains(part.as_str())),
            PseudoClass::Contains(part) => self.texts().collect::<String>().contains(part.as_str()),
            _ => false,
        }
    }

    fn match_pseudo_element(&self, _: &PseudoElement, _: &mut MatchingContext<'_, Dialect>) -> bool {
        false
    }

    fn apply_selector_flags(&self, _: ElementSelectorFlags) {}

    fn is_link(&self) -> bool {
        false
    }

    fn is_html_slot_element(&self) -> bool {
        false
    }

    fn has_id(&self, id: &Name, case: CaseSensitivity) -> bool {
        self.has_attr("id", |value| case.eq(value.as_bytes(), id.as_bytes()))
    }

    fn has_class(&self, class: &Name, case: CaseSensitivity) -> bool {
        self.has_attr("class", |value| {
            value.split_ascii_whitespace().any(|one| case.eq(one.as_bytes(), class.as_bytes()))
        })
    }

    fn has_custom_state(&self, _: &Name) -> bool {
        false
    }

    fn imported_part(&self, _: &Name) -> Option<Name> {
        None
    }

    fn is_part(&self, _: &Name) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        self.descendants().iter().all(|node| self.is_blank(node))
    }

    fn is_root(&self) -> bool {
        self.index == 0
    }

    fn add_element_unique_hashes(&self, _: &mut BloomFilter) -> bool {
        false
    }
}
