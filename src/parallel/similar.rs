//! `minhash`, `dedupe`.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeListArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{Policy, invalid, number, take, text};
use super::results::{ArrowData, ListResult, TableResult, Whole, ordered};
use super::run::KernelCall;
use crate::arguments::scalars::float;
use crate::bridge::job::Job;
use shoal_kernels::error::KernelError;
use shoal_kernels::text::dedupe::duplicates;
use shoal_kernels::text::minhash::{By, MinHash};

fn minhash_from(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<(MinHash, usize)> {
    let num_perm = number("num_perm", take(keywords, "num_perm")?.as_ref(), 128)?;
    let ngram = number("ngram", take(keywords, "ngram")?.as_ref(), 5)?;
    let seed = number("seed", take(keywords, "seed")?.as_ref(), 1)?;
    let by = match take(keywords, "by")? {
        Some(by) => By::parse(text("by", &by)?).map_err(invalid("by"))?,
        None => By::Words,
    };
    Ok((MinHash::new(num_perm, ngram, seed as u64, by).map_err(PyValueError::new_err)?, num_perm))
}

#[doc = signature!(minhash("docs, *, num_perm=128, ngram=5, by='words', seed=1"), kernel)]
/// The MinHash signature of each document: texts that are alike have signatures that agree.
///
///     signatures = numpy.asarray(await parallel.minhash(docs))        # shape (documents, num_perm), uint32
///     similarity = (signatures[0] == signatures[1]).mean()
///
/// The share of places in which two signatures agree estimates the Jaccard index of their shingles, the share they have
/// in common of all that either has (Broder, "On the resemblance and containment of documents", 1997); the standard
/// error is at most 0.5 / √num_perm.
///
/// Args:
///     docs: an iterable of `str`, `bytes`, bytes-like objects, paths or `Response`s, or an Arrow or NumPy array of them.
///     num_perm: numbers in a signature; 128.
///     ngram: words or characters in a shingle; 5.
///     by: "words" (what stands between white space) or "characters"; "words".
///     seed: of the hash functions; signatures of different seeds cannot be compared; 1.
///     on_error: "raise" the first failure as an ItemError; "return": null is in its place and the column's `errors` has
///         it; or "skip" the document; "raise".
///     workers: threads at once; None for all cores (or `SHOAL_THREADS`).
///     progress: True for a tqdm bar, or a callable that gets `(done, total)`; False.
///
/// Returns:
///     Job[Column]: lists of `num_perm` unsigned 32-bit integers, in the order of the documents. It has the buffer
///     protocol, so NumPy takes it without a copy.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, **keywords), text_signature = None)]
pub fn minhash(docs: &Bound<'_, PyAny>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Job>> {
    let (minhash, num_perm) = minhash_from(keywords)?;
    KernelCall::new("minhash", docs, keywords).combined_result(
        move |document, stop| minhash.signature(&document.text()?, stop),
        move |gathered, policy, stop| {
            let (results, ending) = ordered(gathered, policy);
            stop.check()?;
            let data = ArrowData::Column("minhash", signatures(results, num_perm)?);
            Ok(Box::new(TableResult::new(data, ending, Vec::new())))
        },
    )
}

fn signatures(results: Vec<Option<Vec<u32>>>, width: usize) -> Result<ArrayRef, KernelError> {
    let mut values = Vec::with_capacity(results.len() * width);
    let nulls: NullBuffer = results.iter().map(Option::is_some).collect::<Vec<_>>().into();
    for signature in results {
        match signature {
            Some(signature) => values.extend_from_slice(&signature),
            None => values.resize(values.len() + width, 0),
        }
    }
    let item = Arc::new(Field::new("item", DataType::UInt32, false));
    let width = i32::try_from(width).map_err(|_| KernelError::value("num_perm is too large"))?;
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    let array = FixedSizeListArray::try_new(item, width, Arc::new(UInt32Array::from(values)), nulls);
    Ok(Arc::new(array.map_err(|error| KernelError::internal(error.to_string()))?) as Arc<dyn Array>)
}

#[doc = signature!(dedupe("docs, threshold=0.8, *, num_perm=128, ngram=5, by='words', seed=1"), kernel)]
/// Which documents to keep so that no two of them are nearly the same.
///
///     keep = await parallel.dedupe(docs, threshold=0.8)
///     unique = [docs[index] for index in keep]
///
/// A document is kept unless its similarity to one that is kept before it reaches `threshold`: the Jaccard index of their
/// shingles, as `minhash` estimates it. Candidates are found by locality-sensitive hashing (Leskovec, Rajaraman and
/// Ullman, "Mining of Massive Datasets", chapter 3), so the time does not grow with the square of the documents. Texts
/// with the same words are always found.
///
/// Args:
///     docs: as for `minhash`.
///     threshold: the least similarity of duplicates, above 0, at most 1; 0.8.
///     num_perm, ngram, by, seed: as for `minhash`.
///     on_error: "raise" the first failure as an ItemError, "return" it among the indices, or "skip" the document;
///         "raise".
///     workers, progress: as for `minhash`.
///
/// Returns:
///     Job[list[int]]: the indices of the documents to keep, in order.
///
/// Raises:
///     TypeError, ValueError: at the call: an argument is not what it should be.
///     ItemError: from the Job: a document cannot be read.
#[pyfunction]
#[pyo3(signature = (docs, threshold=None, **keywords), text_signature = None)]
pub fn dedupe(
    docs: &Bound<'_, PyAny>,
    threshold: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Job>> {
    let threshold = threshold.map_or(Ok(0.8), |threshold| float("threshold", threshold))?;
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(PyValueError::new_err(format!("threshold must be above 0 and at most 1, not {threshold}")));
    }
    let (minhash, _) = minhash_from(keywords)?;
    KernelCall::new("dedupe", docs, keywords).combined_result(
        move |document, stop| minhash.signature(&document.text()?, stop),
        move |gathered, policy, stop| {
            // Indexes are those of `docs`, so that no failed document may be left out of the signatures.
            let policy = if policy == Policy::Skip { Policy::Raise } else { policy };
            let (results, ending) = ordered(gathered, policy);
            let kept = duplicates(&results, threshold, stop)?;
            let kept = kept.into_iter().map(|index| (index, Ok(Whole(index))));
            let errors = ending.errors.into_iter().map(|(index, error)| (index, Err(error)));
            let mut items: Vec<_> = kept.chain(errors).collect();
            items.sort_by_key(|(index, _)| *index);
            Ok(Box::new(ListResult::sparse(items.into_iter(), ending.failure)))
        },
    )
}
