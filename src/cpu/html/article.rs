//! The article of a page, without what is around it: Mozilla's Readability, as dom_smoothie does it.

use dom_smoothie::{Config, Metadata, Readability, ReadabilityError};

use super::document;
use super::page::Page;
use super::parse;
use crate::cpu::failure::Failure;
use crate::cpu::stop::Stop;

/// How deep elements nest for the search, which goes through the descendants of most elements, several times.
const DEEPEST: usize = 100;

/// What a search may cost: it takes about 50 ns for each descendant of each element, and 1 µs for each node. This is
/// two to four seconds, which cannot be interrupted; a page of 20 KB costs 30,000.
const DEAREST: usize = 40_000_000;

/// What a page says and who says it. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article {
    /// The headline.
    pub title: Option<String>,
    /// The author.
    pub byline: Option<String>,
    /// The article's text, as it stands in its HTML; empty if the page has no article.
    pub text: String,
    /// The article's HTML; empty if the page has no article.
    pub html: String,
    /// The description, or the first paragraph.
    pub excerpt: Option<String>,
    /// The site's name.
    pub site_name: Option<String>,
    /// The language, as the page gives it.
    pub language: Option<String>,
    /// The direction of the text: `ltr`, `rtl`.
    pub direction: Option<String>,
    /// When it was published, as the page gives it.
    pub published: Option<String>,
    /// When it was changed, as the page gives it.
    pub modified: Option<String>,
    /// The URL of the picture that stands for it.
    pub image: Option<String>,
    /// The URL that the page gives for itself.
    pub url: Option<String>,
}

/// The article of a document. Relative links in it are resolved against `url`, an absolute URL. A page without one has
/// the fields that its `<head>` gives and no text.
pub fn article(html: &str, url: Option<&str>, stop: &Stop) -> Result<Article, Failure> {
    let source = parse::normal(html)?;
    let page = parse::page(&source, stop)?;
    affords(&page)?;
    let mut reader = reader(document::of(&page, Some(DEEPEST)).0, url)?;
    stop.check()?;
    match reader.parse() {
        Ok(found) => Ok(Article {
            title: some(found.title),
            byline: found.byline.and_then(some),
            text: found.text_content.to_string(),
            html: found.content.to_string(),
            excerpt: found.excerpt.and_then(some),
            site_name: found.site_name.and_then(some),
            language: found.lang.and_then(some),
            direction: found.dir.and_then(some),
            published: found.published_time.and_then(some),
            modified: found.modified_time.and_then(some),
            image: found.image.and_then(some),
            url: found.url.and_then(some),
        }),
        Err(ReadabilityError::GrabFailed) => {
            stop.check()?;
            // The search has taken the document apart.
            let reader = self::reader(document::of(&page, Some(DEEPEST)).0, url)?;
            Ok(of_metadata(reader.get_article_metadata(reader.parse_json_ld())))
        }
        Err(error) => Err(Failure::value(error.to_string())),
    }
}

/// Refuses pages on which the search would take very long.
fn affords(page: &Page<'_>) -> Result<(), Failure> {
    let mut open: Vec<u32> = Vec::new();
    let mut cost = 0;
    for (index, node) in page.nodes.iter().enumerate() {
        while open.pop_if(|end| *end as usize <= index).is_some() {}
        cost += open.len().min(DEEPEST) + 20;
        open.push(node.end);
    }
    if cost > DEAREST {
        let nodes = page.nodes.len();
        return Err(Failure::value(format!("too large to search for an article: {nodes} elements and texts")));
    }
    Ok(())
}

fn reader(document: dom_query::Document, url: Option<&str>) -> Result<Readability, Failure> {
    Readability::with_document(document, url, Some(Config::default()))
        .map_err(|error| Failure::value(error.to_string()))
}

fn of_metadata(found: Metadata) -> Article {
    Article {
        title: some(found.title),
        byline: found.byline.and_then(some),
        excerpt: found.excerpt.and_then(some),
        site_name: found.site_name.and_then(some),
        language: found.lang.and_then(some),
        direction: found.dir.and_then(some),
        published: found.published_time.and_then(some),
        modified: found.modified_time.and_then(some),
        image: found.image.and_then(some),
        url: found.url.and_then(some),
        ..Article::default()
    }
}

fn some(text: String) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.len() == text.len() { Some(text) } else { Some(trimmed.to_owned()) }.filter(|text| !text.is_empty())
}
