use super::*;

fn found(html: &str, url: Option<&str>) -> Vec<String> {
    let url = url.map(|url| base(url).unwrap());
    links(html, url.as_ref(), &Stop::default()).unwrap().iter().map(str::to_owned).collect()
}

#[test]
fn links_are_absolute_and_unique() {
    let html = "<a href='/a'>1</a><a href=' b?x=1&amp;y=2 '>2</a><area href=//h/c><a href='/a'>3</a><link href=/no>
        <a href='#part'>4</a><a href=''>5</a><a href='mailto:x@y'>6</a><a href='java\nscript:1'>7</a><a>8</a>";
    assert_eq!(
        found(html, Some("https://host/dir/page")),
        ["https://host/a", "https://host/dir/b?x=1&y=2", "https://h/c"]
    );
}

#[test]
fn without_base_relative_links_stay() {
    assert_eq!(
        found("<a href=../x>1</a><a href=http://H/>2</a><a href='//h/c'>3</a>", None),
        ["../x", "http://h/", "//h/c"]
    );
}

#[test]
fn base_element_wins() {
    let html = "<base href='/deep/'><base href='/no/'><a href=x>1</a>";
    assert_eq!(found(html, Some("http://h/p")), ["http://h/deep/x"]);
    assert_eq!(found("<base href='http://other/d/'><a href=x>1</a>", None), ["http://other/d/x"]);
    assert_eq!(found("<base href='data:x'><a href=x>1</a>", Some("http://h/p")), ["http://h/x"]);
}

#[test]
fn bad_base_is_refused() {
    assert!(base("/x").unwrap_err().contains("'/x'"));
    assert!(base("mailto:x").unwrap_err().contains("mailto"));
}
