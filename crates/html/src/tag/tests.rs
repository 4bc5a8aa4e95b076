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
