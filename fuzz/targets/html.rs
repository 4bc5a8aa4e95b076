//! HTML: both tree builders make the same tree, and no kernel panics, hangs or grows without bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_html::{article, links, markdown, parse, quick, select, text, tree};
use shoal_kernels::charset::html_encoding;
use shoal_kernels::stop::Stop;
use url::Url;

const SELECTORS: [&str; 4] = ["a[href]", "div > p:first-child", "table td ~ td", "li:not(.x) b, h1 + *"];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let (html, _, _) = html_encoding(None, bytes).decode(bytes);
    let stop = Stop::default();
    let Ok(source) = parse::normal(&html) else { return };
    match choice % 7 {
        // A document may be refused for its depth or size, by either builder.
        0 | 1 => {
            if let (Ok(Some(page)), Ok(tree)) = (quick::build(&source, &stop), tree::build(&source, &stop)) {
                assert_eq!(page.outline(), tree.outline());
            }
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
        _ => {
            for css in SELECTORS {
                if let Ok(selector) = select::Selector::new(css, None) {
                    let _ = selector.select(&html, &stop);
                }
            }
        }
    }
});
