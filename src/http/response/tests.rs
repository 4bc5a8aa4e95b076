//! Tests of the summary.

use super::{size_text, summary, summary_html};

#[test]
fn sizes() {
    let sizes = [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")];
    for (bytes, text) in sizes {
        assert_eq!(size_text(bytes), text);
    }
    assert_eq!(size_text(5_000_000_000_000), "5000.0 GB");
}

#[test]
fn html_is_escaped() {
    let html = summary_html(&summary(299, "", 1, None), &[("URL", "<script>\"'&".into()), ("Type", String::new())]);
    assert!(html.contains("&lt;Response [299] 1 B&gt;") && html.contains("&lt;script&gt;&quot;&#x27;&amp;"));
    assert!(!html.contains("Type"));
}
