use super::*;

#[test]
fn a_url_from_the_list_equals_the_parsed_url() {
    let mut list = UrlList::default();
    let urls = [
        ("http://a.example/x", false),
        ("http://a.example/x/../y?q=ä b#f", true),
        ("http://a.example", false),
        ("http://a.example/", true),
        ("http://a.example//b.example/x", false),
        ("http://a.example/\\b.example", false),
        ("http://a.example/%zz?%", true),
        ("http://a.example/\u{1f600}", true),
        ("http://a.example:80/x", false),
        ("http://a.example:80/y ", true),
        ("http://a.example:8080/y", false),
        ("http://user@a.example:8080/y", false),
        ("HTTP://a.example:8080/y", false),
        ("http://a.example:8080/z", true),
        ("http://a.example:8080/a\tb\n", true),
        ("https://[::1]/", false),
        ("https://[::1]/1", true),
        ("https://[::1]/2", true),
    ];
    for (url, kept) in urls {
        let index = list.push(url);
        assert_eq!(index.is_some(), kept, "{url}");
        if let Some(index) = index {
            assert_eq!(list.url(index), Url::parse(url), "{url}");
        }
    }
}

#[test]
fn a_url_with_an_invalid_host_is_not_added() {
    let mut list = UrlList::default();
    for url in ["http://1.2.3.4.5/", "http:///x", "http://[::1/x", "http://a:99999/x", "http://-:/x", "", "/x"] {
        for _ in 0..3 {
            assert!(list.push(url).is_none() || Url::parse(url).is_ok(), "{url}");
        }
    }
}
