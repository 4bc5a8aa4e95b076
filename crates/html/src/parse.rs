//! From a document to its [`Page`].

use std::borrow::Cow;

use super::page::Page;
use super::{quick, tree};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

/// Larger documents are refused: places are 31 bits, and what is kept beside a document may be four times as long.
const LARGEST: usize = 256 << 20;

/// The document as the tree builders read it: without a mark of byte order, its lines ending in `\n` alone.
pub fn normal(html: &str) -> Result<Cow<'_, str>, KernelError> {
    if html.len() > LARGEST {
        return Err(KernelError::value(format!("{} bytes of HTML; the most is {LARGEST}", html.len())));
    }
    let html = html.strip_prefix('\u{feff}').unwrap_or(html);
    if html.contains('\r') {
        return Ok(Cow::Owned(html.replace("\r\n", "\n").replace('\r', "\n")));
    }
    Ok(Cow::Borrowed(html))
}

/// The page of a document that is [`normal`].
pub fn page<'a>(source: &'a str, stop: &Stop) -> Result<Page<'a>, KernelError> {
    stop.check()?;
    match quick::build(source, stop)? {
        Some(page) => Ok(page),
        None => tree::build(source, stop),
    }
}
