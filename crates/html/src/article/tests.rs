use super::*;

fn found(html: &str, url: Option<&str>) -> Article {
    article(html, url, &Stop::default()).unwrap()
}

fn page() -> String {
    let sentence = "The shoal turned at once, as if it were a single fish, and was gone before the net had closed. ";
    let paragraphs = format!("<p>{}<a href='/more'>more</a></p>", sentence.repeat(4)).repeat(6);
    format!(
        "<html lang=en><head><title>Fish move together - The Paper</title><meta name=author content='Jane Doe'>
        <meta property='og:site_name' content='The Paper'><meta name=description content='About fish.'>
        <meta property='article:published_time' content='2024-05-06T07:08:09Z'></head>
        <body><nav><a href=/>home</a> <a href=/news>news</a></nav><article><h1>Fish move together</h1>{paragraphs}
        <script>HIDDEN</script></article><footer>imprint</footer></body></html>"
    )
}

#[test]
fn article_with_metadata() {
    let article = found(&page(), Some("https://paper.example/fish"));
    assert_eq!(article.title.as_deref(), Some("Fish move together - The Paper"));
    assert_eq!(article.byline.as_deref(), Some("Jane Doe"));
    assert_eq!(article.site_name.as_deref(), Some("The Paper"));
    assert_eq!(article.excerpt.as_deref(), Some("About fish."));
    assert_eq!(article.language.as_deref(), Some("en"));
    assert_eq!(article.published.as_deref(), Some("2024-05-06T07:08:09Z"));
    assert!(article.text.contains("The shoal turned"), "{}", article.text);
    assert!(!article.text.contains("imprint") && !article.text.contains("HIDDEN"), "{}", article.text);
    assert!(article.html.contains("href=\"https://paper.example/more\""), "{}", article.html);
}

#[test]
fn blocks_and_cells_are_separated() {
    let sentence = "The shoal turned at once, as if it were a single fish, and was gone before the net had closed. ";
    let html = format!(
        "<article><p>{0}one</p><p>two {0}</p><ul><li>three</li><li>four</li></ul>five<br>six<table><tr><td>seven</td>\
        <td>eight</td></tr></table><p>{0}<b>ni</b>ne</p></article>",
        sentence.repeat(4)
    );
    let text = found(&html, None).text;
    for part in ["one\ntwo", "three\nfour\nfive\nsix\nseven\teight\n", "nine"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn page_without_article_has_metadata_only() {
    assert_eq!(found("", None), Article::default());
    let none = found("<title>Only a title</title><meta name=author content=Me>", None);
    assert_eq!(none.title.as_deref(), Some("Only a title"));
    assert_eq!((none.text.trim(), none.byline.as_deref()), ("", Some("Me")));
}

#[test]
fn relative_url_is_refused() {
    assert!(article(&page(), Some("/fish"), &Stop::default()).unwrap_err().message.contains("absolute"));
}
