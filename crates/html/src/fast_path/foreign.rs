//! The rules of SVG within HTML.

use super::builder::{Builder, Open, Step};
use crate::page::Space;
use crate::tag::{BREAKOUT, Tag};
use crate::tokenizer::{Name, Start};

/// A list of names; rustfmt would give each a line.
macro_rules! names {
    ($($name:ident)*) => { [$(stringify!($name)),*] };
}

/// The elements of SVG with upper-case letters. html5ever has both lists, but keeps them private.
const ELEMENTS: [&str; 37] = names! {
    altGlyph altGlyphDef altGlyphItem animateColor animateMotion animateTransform clipPath feBlend feColorMatrix
    feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight
    feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology
    feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence foreignObject glyphRef
    linearGradient radialGradient textPath
};

const ATTRIBUTES: [&str; 58] = names! {
    attributeName attributeType baseFrequency baseProfile calcMode clipPathUnits diffuseConstant edgeMode
    filterUnits glyphRef gradientTransform gradientUnits kernelMatrix kernelUnitLength keyPoints keySplines
    keyTimes lengthAdjust limitingConeAngle markerHeight markerUnits markerWidth maskContentUnits maskUnits
    numOctaves pathLength patternContentUnits patternTransform patternUnits pointsAtX pointsAtY pointsAtZ
    preserveAlpha preserveAspectRatio primitiveUnits refX refY repeatCount repeatDur requiredExtensions
    requiredFeatures specularConstant specularExponent spreadMethod startOffset stdDeviation stitchTiles
    surfaceScale systemLanguage tableValues targetX targetY textLength viewBox viewTarget xChannelSelector
    yChannelSelector zoomAndPan
};

fn respell(names: &[&'static str], lower: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| name.eq_ignore_ascii_case(lower))
}

impl Builder<'_> {
    /// `<svg>`
    pub(super) fn start_svg(&mut self, start: Start) -> Step {
        self.respell_attrs(start.attrs);
        self.insert_in(start, Space::Svg)?;
        if start.self_closing {
            self.pop();
        }
        Some(())
    }

    /// A start tag within SVG.
    pub(super) fn start_foreign(&mut self, mut start: Start) -> Step {
        let top = self.top()?;
        if self.holds_html(top) || start.name.tag.is(BREAKOUT) {
            return None;
        }
        if start.name.tag == Tag::Font && start.attrs < self.tokens.attrs.len() {
            return None;
        }
        if let Some(name) = respell(&ELEMENTS, self.tokens.strings.get(start.name.text)) {
            start.name.text = self.tokens.strings.store(|out| out.push_str(name));
        }
        self.start_svg(start)
    }

    fn respell_attrs(&mut self, first: usize) {
        for at in first..self.tokens.attrs.len() {
            let name = self.tokens.attrs.get(at).map_or("", |attr| self.tokens.strings.get(attr.name));
            let Some(name) = respell(&ATTRIBUTES, name) else { continue };
            let span = self.tokens.strings.store(|out| out.push_str(name));
            if let Some(attr) = self.tokens.attrs.get_mut(at) {
                attr.name = span;
            }
        }
    }

    /// An end tag within SVG; whether it ended an element of SVG.
    pub(super) fn end_foreign(&mut self, name: Name) -> Option<bool> {
        if matches!(name.tag, Tag::P | Tag::Br) {
            return None;
        }
        let text = self.tokens.strings.get(name.text);
        for (at, open) in self.open.iter().enumerate().rev() {
            if open.space == Space::Html {
                return Some(at == 0);
            }
            if self.name_of(*open).eq_ignore_ascii_case(text) {
                self.pop_to(at);
                return Some(true);
            }
        }
        Some(true)
    }

    /// Whether an element of SVG may contain HTML.
    pub(super) fn holds_html(&self, open: Open) -> bool {
        open.space == Space::Svg && matches!(self.name_of(open), "foreignObject" | "desc" | "title")
    }
}
