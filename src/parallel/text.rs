//! `regex_findall`, `regex_count`, `regex_replace`.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::arguments::invalid;
use super::results::{MatchList, Whole};
use super::run::KernelCall;
use crate::arguments::scalars::{type_name, utf8};
use crate::bridge::job::Job;
use shoal_kernels::text::findall::{count, count_bytes, findall, findall_bytes};
use shoal_kernels::text::pattern::Pattern;
use shoal_kernels::text::replace::{Replacement, replace, replace_bytes};

/// The flags of `re` that a pattern can begin with: the bit and the letter of each.
const FLAGS: [(i64, char); 5] = [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x'), (256, 'a')];

/// Parses `pattern`: a `str`, which matches text, or `bytes`, which match bytes, or the result of `re.compile`.
fn pattern_from(pattern: &Bound<'_, PyAny>) -> PyResult<Pattern> {
    static COMPILED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = pattern.py();
    if let Ok(text) = pattern.cast::<PyString>() {
        return Pattern::text(utf8("pattern", text)?).map_err(invalid("pattern"));
    }
    if let Ok(bytes) = pattern.cast::<PyBytes>() {
        return Pattern::bytes(bytes.as_bytes()).map_err(invalid("pattern"));
    }
    if pattern.is_instance(COMPILED.import(py, "re", "Pattern")?)? {
        let flags: i64 = pattern.getattr(intern!(py, "flags"))?.extract()?;
        let source = pattern.getattr(intern!(py, "pattern"))?;
        let letters: String = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect();
        let prefix = if letters.is_empty() { letters } else { format!("(?{letters})") };
        if let Ok(text) = source.cast::<PyString>() {
            return Pattern::text(&(prefix + utf8("pattern", text)?)).map_err(invalid("pattern"));
        }
        let bytes = source.cast::<PyBytes>()?.as_bytes();
        // A bytes pattern is ASCII anyway, so the flag is left out.
        return Pattern::bytes(&[prefix.replace('a', "").replace("(?)", "").as_bytes(), bytes].concat())
            .map_err(invalid("pattern"));
    }
    Err(PyTypeError::new_err(format!("pattern must be a str, bytes or a compiled pattern, not {}", type_name(pattern))))
}

#[doc = signature!(regex_findall("docs, pattern, *"), kernel)]
/// All matches of a pattern in each document, as `re.findall` gives them.
///
///     found = await parallel.regex_findall(docs, r"\b[\w.]+@[\w.]+\b")
///
/// The syntax is that of `re`. A search takes time in proportion to the document, whatever the pattern; only patterns
/// with look-around or references backtrack, and fail where that takes too long.
///
/// Args:
///     docs: an iterable of `str`, `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
///         For a `str` pattern bytes are read as text, in UTF-8 or a response's encoding.
///     pattern: a `str`, which finds `str`, or `bytes`, which finds `bytes`, or what `re.compile` made of them.
///     on_error: "raise" the first failure as an ItemError, "return" it in its place, or "skip" the document; "raise".
///     workers: threads at once; None for all cores (or `SHOAL_THREADS`).
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///
/// Returns:
///     Job[list[list]]: for each document the matches: of a pattern without groups the whole match, with one group that,
///     with more a tuple of them, empty for a group that took no part.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be, such as a pattern that is none.
///     ItemError: from the Job: a document cannot be read, or a hard pattern takes too long on it.
#[pyfunction]
#[pyo3(signature = (docs, pattern, **keywords), text_signature = None)]
pub fn regex_findall(
    docs: &Bound<'_, PyAny>,
    pattern: &Bound<'_, PyAny>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let pattern = pattern_from(pattern)?;
    let call = KernelCall::new("regex_findall", docs, keywords);
    if pattern.is_bytes() {
        return call
            .list_result(move |document, stop| findall_bytes(&pattern, &document.bytes()?, stop).map(MatchList::new));
    }
    call.list_result(move |document, stop| findall(&pattern, &document.text()?, stop).map(MatchList::new))
}

#[doc = signature!(regex_count("docs, pattern, *"), kernel)]
/// How often a pattern matches in each document: `len(re.findall(pattern, document))`, without making the matches.
///
/// Takes the arguments of `regex_findall` and raises what that raises.
///
/// Returns:
///     Job[list[int]]: in the order of the documents.
#[pyfunction]
#[pyo3(signature = (docs, pattern, **keywords), text_signature = None)]
pub fn regex_count(
    docs: &Bound<'_, PyAny>,
    pattern: &Bound<'_, PyAny>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let pattern = pattern_from(pattern)?;
    let call = KernelCall::new("regex_count", docs, keywords);
    if pattern.is_bytes() {
        return call.list_result(move |document, stop| count_bytes(&pattern, &document.bytes()?, stop).map(Whole));
    }
    call.list_result(move |document, stop| count(&pattern, &document.text()?, stop).map(Whole))
}

#[doc = signature!(regex_replace("docs, pattern, repl, *"), kernel)]
/// Each document with all matches of a pattern replaced, as `re.sub` does it.
///
///     safe = await parallel.regex_replace(docs, r"(\w+)@\w+", r"\1@…")
///
/// Args:
///     docs, pattern: as for `regex_findall`.
///     repl: what stands there instead, a `str` or `bytes` as the pattern is. `\1` and `\g<name>` are what a group
///         matched, `\g<0>` the whole match, `\n` and the like are escapes. A callable is not taken: use
///         `parallel.map` with `re.sub`.
///     on_error, workers, progress: as for `regex_findall`.
///
/// Returns:
///     Job[list[str]] or Job[list[bytes]]: in the order of the documents.
///
/// Raises:
///     As `regex_findall`; ValueError also for a `repl` that refers to a group which the pattern has not.
#[pyfunction]
#[pyo3(signature = (docs, pattern, repl, **keywords), text_signature = None)]
pub fn regex_replace(
    docs: &Bound<'_, PyAny>,
    pattern: &Bound<'_, PyAny>,
    repl: &Bound<'_, PyAny>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let pattern = pattern_from(pattern)?;
    let call = KernelCall::new("regex_replace", docs, keywords);
    let kind = if pattern.is_bytes() { "bytes" } else { "a str" };
    let mismatch = |_| PyTypeError::new_err(format!("repl must be {kind}, as the pattern is, not {}", type_name(repl)));
    if pattern.is_bytes() {
        let repl = repl.cast::<PyBytes>().map_err(mismatch)?.as_bytes();
        let repl = Replacement::parse_bytes(repl, &pattern).map_err(invalid("repl"))?;
        return call
            .list_result(move |document, stop| replace_bytes(&pattern, &document.bytes()?, &repl, stop).map(Whole));
    }
    let repl = utf8("repl", repl.cast::<PyString>().map_err(mismatch)?)?;
    let repl = Replacement::parse(repl, &pattern).map_err(invalid("repl"))?;
    call.list_result(move |document, stop| replace(&pattern, &document.text()?, &repl, stop).map(Whole))
}
