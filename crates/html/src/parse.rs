//! From a document to its [`Page`].

use std::borrow::Cow;

use super::page::Page;
use super::{fast_path, slow_path};
use shoal_kernels::error::KernelError;
use shoal_kernels::stop::Stop;

#[cfg(test)]
mod tests;

/// Bytes of a document. A span holds 31 bits, and decoded texts may take four times the document.
const MAX_BYTES: usize = 256 << 20;

/// The document as the builders expect it: no byte order mark, lines that end with `\n`.
pub(crate) fn normalize(html: &str) -> Result<Cow<'_, str>, KernelError> {
    if html.len() > MAX_BYTES {
        return Err(KernelError::value(format!("{} bytes of HTML; the most is {MAX_BYTES}", html.len())));
    }
    let html = html.strip_prefix('\u{feff}').unwrap_or(html);
    if html.contains('\r') {
        return Ok(Cow::Owned(html.replace("\r\n", "\n").replace('\r', "\n")));
    }
    Ok(Cow::Borrowed(html))
}

/// Parses a [normalized](normalize) document.
pub(crate) fn page<'a>(source: &'a str, stop: &Stop) -> Result<Page<'a>, KernelError> {
    stop.check()?;
    match fast_path::build(source, stop)? {
        Some(page) => Ok(page),
        None => slow_path::build(source, stop),
    }
}
