//! HTML: both builders make html5ever's tree, a selector matches as in dom_query, and no kernel panics, hangs or grows
//! without bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_html::select::Selector;
use shoal_html::{article, links, markdown, reference, text};
use shoal_kernels::charset::html_encoding;
use shoal_kernels::stop::Stop;
use url::Url;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let (html, _, _) = html_encoding(None, bytes).decode(bytes);
    let stop = Stop::default();
    match choice % 7 {
        0 | 1 => {
            reference::check_trees(&html).unwrap();
        }
        2 => {
            let _ = markdown::markdown(&html, &stop);
        }
        3 => {
            let _ = article::article(&html, Some("https://example.com/a/b"), &stop);
        }
        4 => {
            let _ = text::text(&html, &stop);
        }
        5 => {
            let base = Url::parse("https://example.com/a/b").ok();
            let _ = links::links(&html, base.as_ref(), &stop);
        }
        // The first line is the selector.
        _ => {
            let (css, html) = html.split_once('\n').unwrap_or(("a[href]", &html));
            reference::check_matches(css, html).unwrap();
            if let Ok(selector) = Selector::new(css, None) {
                let _ = selector.select(html, &stop);
            }
        }
    }
});
