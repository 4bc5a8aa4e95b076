//! The elements of HTML, and the facts about each that the builders and the kernels need.

type Flags = u16;

/// "Special" in the standard: bounds the search of an end tag without rules of its own.
pub(crate) const SPECIAL: Flags = 1;
/// Reopened by the parser if it was left open: `<b>`, `<a>` …
pub(crate) const FORMATTING: Flags = 1 << 1;
/// Without content and end tag.
pub(crate) const VOID: Flags = 1 << 2;
/// Bounds the search for an open element ("default scope").
pub(crate) const SCOPE: Flags = 1 << 3;
/// Its end tag may be implied.
pub(crate) const IMPLIED_END: Flags = 1 << 4;
/// Its start tag ends an open `<p>`; no other rules.
pub(crate) const CLOSES_P: Flags = 1 << 5;
/// Its end tag closes the elements open within.
pub(crate) const BLOCK_END: Flags = 1 << 6;
/// `<h1>` to `<h6>`
pub(crate) const HEADING: Flags = 1 << 7;
/// Ends `<svg>` and `<math>` from within.
pub(crate) const BREAKOUT: Flags = 1 << 8;
/// Its content is text without markup.
pub(crate) const RAW: Flags = 1 << 9;
/// Ignored outside a table, `<head>` or frameset.
pub(crate) const TABLE_PART: Flags = 1 << 10;
/// Follows the rules of `<head>` everywhere.
pub(crate) const HEAD: Flags = 1 << 11;
/// Stands on a line of its own.
pub(crate) const LINE: Flags = 1 << 12;
/// Not visible.
pub(crate) const HIDDEN: Flags = 1 << 13;

/// A name of up to 15 bytes, longer than any known one, as a number.
const fn packed(mut name: &[u8]) -> u128 {
    // With 0 a NUL before a name would not count.
    let mut key = 1;
    while let Some((byte, rest)) = name.split_first() {
        key = key << 8 | byte.to_ascii_lowercase() as u128;
        name = rest;
    }
    key
}

macro_rules! tags {
    ($($variant:ident $name:literal $flags:expr;)*) => {
        /// The name of an HTML element; `Other` is any unknown name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Tag { Other, $($variant,)* }

        #[allow(non_upper_case_globals, reason = "named like the variants")]
        mod key {
            $(pub const $variant: u128 = super::packed($name.as_bytes());)*
        }

        impl Tag {
            /// All tags, indexed by `tag as usize`.
            pub(crate) const ALL: &[Self] = &[Self::Other, $(Self::$variant,)*];

            /// The tag of a name in any case.
            pub(crate) fn of(name: &str) -> Self {
                if name.len() > 15 {
                    return Self::Other;
                }
                match packed(name.as_bytes()) {
                    $(key::$variant => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// The name in lower case; empty for `Other`.
            pub(crate) fn name(self) -> &'static str {
                match self { Self::Other => "", $(Self::$variant => $name,)* }
            }

            const fn flags(self) -> Flags {
                match self { Self::Other => 0, $(Self::$variant => $flags,)* }
            }

            /// Whether any of `flags` holds.
            pub(crate) const fn is(self, flags: Flags) -> bool {
                self.flags() & flags != 0
            }
        }
    };
}

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
    Dd "dd" SPECIAL | IMPLIED_END | BREAKOUT | LINE;
    Details "details" BLOCK;
    Dialog "dialog" CLOSES_P | BLOCK_END | LINE;
    Dir "dir" BLOCK;
    Div "div" BLOCK | BREAKOUT;
    Dl "dl" BLOCK | BREAKOUT;
    Dt "dt" SPECIAL | IMPLIED_END | BREAKOUT | LINE;
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
    Li "li" SPECIAL | IMPLIED_END | BREAKOUT | LINE;
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
    Optgroup "optgroup" IMPLIED_END | LINE;
    Option "option" IMPLIED_END | LINE;
    P "p" SPECIAL | IMPLIED_END | CLOSES_P | BREAKOUT | LINE;
    Param "param" SPECIAL | VOID;
    Plaintext "plaintext" SPECIAL | RAW | LINE;
    Pre "pre" SPECIAL | BLOCK_END | BREAKOUT | LINE;
    Rb "rb" IMPLIED_END;
    Rp "rp" IMPLIED_END;
    Rt "rt" IMPLIED_END;
    Rtc "rtc" IMPLIED_END;
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
mod tests;
