//! The elements that HTML knows by name, and what the parser and the kernels have to know of each.

/// The children close it, or it opens no scope: see the constants.
type Flags = u16;

/// "Special" in the standard: stops the search of an end tag without rules of its own.
pub const SPECIAL: Flags = 1;
/// Reopened by the parser where it was left open: `<b>`, `<a>` …
pub const FORMATTING: Flags = 1 << 1;
/// Has no content and no end tag.
pub const VOID: Flags = 1 << 2;
/// Bounds every search for an open element ("default scope").
pub const SCOPE: Flags = 1 << 3;
/// Needs no end tag where its parent ends.
pub const IMPLIED: Flags = 1 << 4;
/// Its start tag ends an open `<p>`, and nothing more.
pub const CLOSES_P: Flags = 1 << 5;
/// Its end tag closes what is open within it.
pub const BLOCK_END: Flags = 1 << 6;
/// `<h1>` to `<h6>`.
pub const HEADING: Flags = 1 << 7;
/// Ends `<svg>` or `<math>` where it comes within.
pub const BREAKOUT: Flags = 1 << 8;
/// Its content is text, not markup.
pub const RAW: Flags = 1 << 9;
/// A part of a table, only there at its place.
pub const TABLE_PART: Flags = 1 << 10;
/// Allowed in `<head>`, whose rules it keeps elsewhere.
pub const HEAD: Flags = 1 << 11;
/// A line of its own, for people.
pub const LINE: Flags = 1 << 12;
/// Nothing that people read.
pub const HIDDEN: Flags = 1 << 13;

/// A name as a number: up to 15 bytes, which is more than the longest known one.
const fn packed(mut name: &[u8]) -> u128 {
    // Not 0, or a NUL before a name would not count.
    let mut key = 1;
    while let Some((byte, rest)) = name.split_first() {
        key = key << 8 | byte.to_ascii_lowercase() as u128;
        name = rest;
    }
    key
}

macro_rules! tags {
    ($($variant:ident $name:literal $flags:expr;)*) => {
        /// An element's name, if it is a known one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum Tag { Other, $($variant,)* }

        #[allow(non_upper_case_globals, reason = "named like the variants, for the macro")]
        mod key {
            $(pub const $variant: u128 = super::packed($name.as_bytes());)*
        }

        impl Tag {
            /// By name, in any case.
            pub fn of(name: &str) -> Self {
                if name.len() > 15 {
                    return Self::Other;
                }
                match packed(name.as_bytes()) {
                    $(key::$variant => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// In lower case; nothing for an unknown one.
            pub fn name(self) -> &'static str {
                match self { Self::Other => "", $(Self::$variant => $name,)* }
            }

            const fn flags(self) -> Flags {
                match self { Self::Other => 0, $(Self::$variant => $flags,)* }
            }

            /// Whether any of `flags` holds.
            pub const fn is(self, flags: Flags) -> bool {
                self.flags() & flags != 0
            }
        }
    };
}

/// What most blocks are.
const BLOCK: Flags = SPECIAL | CLOSES_P | BLOCK_END | LINE;

tags! {
    A "a" FORMATTING;
    Address "address" BLOCK;
    Applet "applet" SPECIAL | SCOPE;
    Area "area" SPECIAL | VOID;
    Article "article" BLOCK;
    Aside "aside" BLOCK;
    Audio "audio" 0;
    B "b" FORMATTING | BREAKOUT;
    Base "base" SPECIAL | VOID | HEAD;
    Basefont "basefont" SPECIAL | VOID | HEAD;
    Bgsound "bgsound" SPECIAL | VOID | HEAD;
    Big "big" FORMATTING | BREAKOUT;
    Blockquote "blockquote" BLOCK | BREAKOUT;
    Body "body" SPECIAL | BREAKOUT | LINE;
    Br "br" SPECIAL | VOID | BREAKOUT;
    Button "button" SPECIAL | BLOCK_END;
    Caption "caption" SPECIAL | SCOPE | TABLE_PART | LINE;
    Center "center" BLOCK | BREAKOUT;
    Code "code" FORMATTING | BREAKOUT;
    Col "col" SPECIAL | VOID | TABLE_PART;
    Colgroup "colgroup" SPECIAL | TABLE_PART;
    Dd "dd" SPECIAL | IMPLIED | BREAKOUT | LINE;
    Details "details" BLOCK;
    Dialog "dialog" CLOSES_P | BLOCK_END | LINE;
    Dir "dir" BLOCK;
    Div "div" BLOCK | BREAKOUT;
    Dl "dl" BLOCK | BREAKOUT;
    Dt "dt" SPECIAL | IMPLIED | BREAKOUT | LINE;
    Em "em" FORMATTING | BREAKOUT;
    Embed "embed" SPECIAL | VOID | BREAKOUT;
    Fieldset "fieldset" BLOCK;
    Figcaption "figcaption" BLOCK;
    Figure "figure" BLOCK;
    Font "font" FORMATTING;
    Footer "footer" BLOCK;
    Form "form" SPECIAL | LINE;
    Frame "frame" SPECIAL | VOID | TABLE_PART;
    Frameset "frameset" SPECIAL;
    H1 "h1" SPECIAL | HEADING | BREAKOUT | LINE;
    H2 "h2" SPECIAL | HEADING | BREAKOUT | LINE;
    H3 "h3" SPECIAL | HEADING | BREAKOUT | LINE;
    H4 "h4" SPECIAL | HEADING | BREAKOUT | LINE;
    H5 "h5" SPECIAL | HEADING | BREAKOUT | LINE;
    H6 "h6" SPECIAL | HEADING | BREAKOUT | LINE;
    Head "head" SPECIAL | BREAKOUT | TABLE_PART | HIDDEN;
    Header "header" BLOCK;
    Hgroup "hgroup" BLOCK;
    Hr "hr" SPECIAL | VOID | BREAKOUT | LINE;
    Html "html" SPECIAL | SCOPE | LINE;
    I "i" FORMATTING | BREAKOUT;
    Iframe "iframe" SPECIAL | RAW | HIDDEN;
    Image "image" 0;
    Img "img" SPECIAL | VOID | BREAKOUT;
    Input "input" SPECIAL | VOID;
    Keygen "keygen" VOID;
    Label "label" 0;
    Legend "legend" LINE;
    Li "li" SPECIAL | IMPLIED | BREAKOUT | LINE;
    Link "link" SPECIAL | VOID | HEAD;
    Listing "listing" SPECIAL | BLOCK_END | BREAKOUT | LINE;
    Main "main" BLOCK;
    Marquee "marquee" SPECIAL | SCOPE | LINE;
    Math "math" 0;
    Menu "menu" BLOCK | BREAKOUT;
    Meta "meta" SPECIAL | VOID | HEAD | BREAKOUT;
    Nav "nav" BLOCK;
    Nobr "nobr" FORMATTING | BREAKOUT;
    Noembed "noembed" SPECIAL | RAW | HIDDEN;
    Noframes "noframes" SPECIAL | RAW | HEAD | HIDDEN;
    Noscript "noscript" SPECIAL | HIDDEN;
    Object "object" SPECIAL | SCOPE;
    Ol "ol" BLOCK | BREAKOUT;
    Optgroup "optgroup" IMPLIED | LINE;
    Option "option" IMPLIED | LINE;
    P "p" SPECIAL | IMPLIED | CLOSES_P | BREAKOUT | LINE;
    Param "param" SPECIAL | VOID;
    Plaintext "plaintext" SPECIAL | RAW | LINE;
    Pre "pre" SPECIAL | BLOCK_END | BREAKOUT | LINE;
    Rb "rb" IMPLIED;
    Rp "rp" IMPLIED;
    Rt "rt" IMPLIED;
    Rtc "rtc" IMPLIED;
    Ruby "ruby" BREAKOUT;
    S "s" FORMATTING | BREAKOUT;
    Script "script" SPECIAL | RAW | HEAD | HIDDEN;
    Search "search" CLOSES_P | BLOCK_END | LINE;
    Section "section" BLOCK;
    Select "select" SPECIAL | SCOPE | BLOCK_END;
    Small "small" FORMATTING | BREAKOUT;
    Source "source" SPECIAL | VOID;
    Span "span" BREAKOUT;
    Strike "strike" FORMATTING | BREAKOUT;
    Strong "strong" FORMATTING | BREAKOUT;
    Style "style" SPECIAL | RAW | HEAD | HIDDEN;
    Sub "sub" BREAKOUT;
    Summary "summary" BLOCK;
    Sup "sup" BREAKOUT;
    Svg "svg" 0;
    Table "table" SPECIAL | SCOPE | BREAKOUT | LINE;
    Tbody "tbody" SPECIAL | TABLE_PART | LINE;
    Td "td" SPECIAL | SCOPE | TABLE_PART;
    Template "template" SPECIAL | SCOPE | HEAD | HIDDEN;
    Textarea "textarea" SPECIAL | RAW;
    Tfoot "tfoot" SPECIAL | TABLE_PART | LINE;
    Th "th" SPECIAL | SCOPE | TABLE_PART;
    Thead "thead" SPECIAL | TABLE_PART | LINE;
    Title "title" SPECIAL | RAW | HEAD | HIDDEN;
    Tr "tr" SPECIAL | TABLE_PART | LINE;
    Track "track" SPECIAL | VOID;
    Tt "tt" FORMATTING | BREAKOUT;
    U "u" FORMATTING | BREAKOUT;
    Ul "ul" BLOCK | BREAKOUT;
    Var "var" BREAKOUT;
    Video "video" 0;
    Wbr "wbr" SPECIAL | VOID;
    Xmp "xmp" SPECIAL | RAW | LINE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        for (name, tag) in
            [("a", Tag::A), ("BlockQuote", Tag::Blockquote), ("h6", Tag::H6), ("figcaption", Tag::Figcaption)]
        {
            assert_eq!(Tag::of(name), tag);
            assert_eq!(tag.name(), name.to_ascii_lowercase());
        }
        for name in ["", "x-thing", "blockquotes", "averyveryverylongname", "\0a", "aa"] {
            assert_eq!(Tag::of(name), Tag::Other, "{name}");
        }
    }

    #[test]
    fn scopes_are_special() {
        assert!(Tag::Td.is(SCOPE) && Tag::Td.is(SPECIAL) && !Tag::Span.is(SPECIAL | SCOPE | VOID));
    }
}
