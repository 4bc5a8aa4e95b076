//! URLs as text: redaction hides every password, a URL from a list equals the parsed URL, and a file with any name stays
//! in its folder.
#![no_main]

use std::path::{Component, Path};

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use shoal_http::redact::{redact_input, redact_text, redact_url};
use shoal_http::retry::parse_retry_after;
use shoal_http::save::{PathTemplate, safe_name};
use shoal_http::urls::UrlList;
use url::Url;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (_, _) = (redact_input(&text), redact_text(&text));
    let mut urls = UrlList::default();
    for line in text.lines() {
        let expected = Url::parse(line);
        // Twice: the second time the origin is known.
        for _ in 0..2 {
            if let Some(index) = urls.push(line) {
                assert_eq!(urls.url(index), expected, "{line:?}");
            }
        }
        if let Ok(url) = &expected
            && let Some(password) = url.password()
            && password.len() > 8
        {
            let shown = redact_url(url);
            let elsewhere = url.as_str().matches(password).count() > 1;
            assert!(elsewhere || !shown.contains(password), "{shown}");
        }
        let name = safe_name(line);
        let inside = Path::new(&name).components().collect::<Vec<_>>();
        assert!(matches!(inside[..], [Component::Normal(_)]), "{name:?}");
        let here = Url::parse("http://example.com/").expect("a URL");
        if let Ok(template) = PathTemplate::parse("out/{index}-{name}.json") {
            let path = template.path(0, Some(line), &here).expect("it has a name");
            assert!(path.starts_with("out") && path.components().count() == 2, "{path:?}");
        }
        if let Ok(value) = HeaderValue::from_str(line) {
            let _ = parse_retry_after(&value, std::time::SystemTime::UNIX_EPOCH);
        }
    }
    for line in text.lines() {
        let _ = PathTemplate::parse(line);
    }
});
