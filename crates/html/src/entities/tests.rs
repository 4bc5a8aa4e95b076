use super::*;

fn text(text: &str) -> String {
    let mut out = String::new();
    decode(text, Place::Text, &mut out);
    out
}

fn attribute(text: &str) -> String {
    let mut out = String::new();
    decode(text, Place::Attribute, &mut out);
    out
}

#[test]
fn names_with_and_without_semicolon() {
    assert_eq!(text("a &amp; b &lt;c&gt; &eacute;&ampx &notit; &notin; &nothing &fjlig; & &; &x &"), {
        "a & b <c> é&x ¬it; ∉ ¬hing fj & &; &x &"
    });
}

#[test]
fn url_parameters_are_no_references() {
    assert_eq!(attribute("?a=1&copy=2&b=3&amp;c&copyx&lt"), "?a=1&copy=2&b=3&c&copyx<");
}

#[test]
fn numbers() {
    assert_eq!(text("&#65;&#x42&#X43;&#x80;&#0;&#xD800;&#99999999999;&#;&#x;&#x1F600;"), {
        "ABC€\u{fffd}\u{fffd}\u{fffd}&#;&#x;😀"
    });
}
