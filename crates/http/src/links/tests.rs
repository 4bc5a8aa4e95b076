use super::*;

fn link(url: &str, parameters: &[(&str, &str)]) -> Link {
    let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Link { url: url.into(), parameters }
}

#[test]
fn links_of_services() {
    let github = "<https://api/x?page=2>; rel=\"next\", <https://api/x?page=5>; rel=\"last\"";
    let expected = [link("https://api/x?page=2", &[("rel", "next")]), link("https://api/x?page=5", &[("rel", "last")])];
    assert_eq!(parse(github), expected);
    assert_eq!(
        parse("</a,b;c>;rel=next;Title=\"x, \\\"y\\\"; z\" , <b>"),
        [link("/a,b;c", &[("rel", "next"), ("title", "x, \"y\"; z")]), link("b", &[])]
    );
    assert_eq!(parse("<a>; rel='prev'; crossorigin; rel=other").len(), 1);
}

#[test]
fn many_parameters_take_linear_time() {
    let names: String = (0..50_000).map(|number| format!(";n{number}=1;rel=x")).collect();
    let links = parse(&format!("<a>{names}"));
    assert_eq!(links.first().map(|link| link.parameters.len()), Some(50_001));
}

#[test]
fn invalid_text() {
    for text in ["", "a", "<", "<a", "<a>;", "<a>;;;", "<a>;=", "<a>;x=\"", "<a>;x=\"\\", ",,<>,,;"] {
        for link in parse(text) {
            assert!(!link.key().contains('<'));
        }
    }
}
