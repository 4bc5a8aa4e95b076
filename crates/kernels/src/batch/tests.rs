//! Batches on the real pool.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::document::Source;

fn numbers(count: usize) -> Vec<Document> {
    (0..count).map(|number| Document::new(Source::Shared(number.to_string().into()))).collect()
}

fn number(document: &Document) -> usize {
    document.text().unwrap().parse().unwrap()
}

fn start<T: Send + 'static>(
    documents: Vec<Document>,
    options: BatchOptions,
    kernel: impl Fn(&Document, &Stop) -> Result<T, KernelError> + Send + Sync + 'static,
) -> (Arc<DocumentBatch<T>>, Receiver<Gathered<T>>) {
    let (sender, gathered) = channel();
    let finish = move |gathered, _: &Stop| sender.send(gathered).unwrap();
    (DocumentBatch::start(documents, Box::new(()), options, kernel, finish).unwrap(), gathered)
}

const TWO: BatchOptions = BatchOptions { workers: 2, keep_going: true };
const FAIL: BatchOptions = BatchOptions { workers: 2, keep_going: false };

fn results<T>(gathered: Gathered<T>) -> Vec<(usize, Result<T, KernelError>)> {
    gathered.into_results().collect()
}

#[test]
fn results_are_in_input_order() {
    for count in [0, 1, 2, 7, 1000, 20_000] {
        let (batch, gathered) = start(numbers(count), TWO, |document, _| Ok(number(document)));
        let gathered = gathered.recv().unwrap();
        assert_eq!(gathered.total, count);
        let expected: Vec<_> = (0..count).map(|number| (number, Ok(number))).collect();
        assert_eq!(results(gathered), expected);
        assert_eq!(batch.progress(), (count, count));
        assert_eq!(batch.stats().ok, count as u64);
    }
}

#[test]
fn an_error_ends_the_batch_or_is_kept() {
    let kernel = |document: &Document, _: &Stop| match number(document) {
        number if number % 100 == 50 => Err(KernelError::value("fifty")),
        number => Ok(number),
    };
    let (batch, gathered) = start(numbers(1000), TWO, kernel);
    let gathered = gathered.recv().unwrap();
    assert!(gathered.failure.is_none());
    let results_of_all = results(gathered);
    assert_eq!(results_of_all.len(), 1000);
    assert!(results_of_all.iter().all(|(index, result)| result.is_err() == (index % 100 == 50)));
    assert_eq!(batch.stats().failed, [(ErrorKind::Value, 10)]);
    assert_eq!(batch.stats().ok, 990);

    let (_, gathered) = start(numbers(100_000), FAIL, kernel);
    let gathered = gathered.recv().unwrap();
    let (index, failure) = gathered.failure.clone().unwrap();
    assert_eq!((index % 100, failure), (50, KernelError::value("fifty")));
    let done = results(gathered);
    assert!(done.len() < 100_000 && done.iter().any(|(at, _)| *at == index));
}

#[test]
fn a_panic_is_an_error_of_its_document() {
    let (_, gathered) = start(numbers(10), TWO, |document, _| match number(document) {
        3 => std::panic::resume_unwind(Box::new("on purpose")),
        number => Ok(number),
    });
    let done = results(gathered.recv().unwrap());
    let failure = done[3].1.clone().unwrap_err();
    assert!(failure.kind == ErrorKind::Internal && failure.message.contains("on purpose"));
    assert_eq!(done.iter().filter(|(_, result)| result.is_ok()).count(), 9);
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn cancelling_keeps_finished_results_and_frees_the_documents() {
    let freed = Arc::new(AtomicBool::new(false));
    let (sender, gathered) = channel::<()>();
    let kernel = |document: &Document, stop: &Stop| {
        let number = number(document);
        if number >= 10 {
            while !stop.is_set() {
                thread::sleep(Duration::from_millis(1));
            }
            stop.check()?;
        }
        Ok(number)
    };
    let finish = move |_, _: &Stop| sender.send(()).unwrap();
    let batch = DocumentBatch::start(numbers(50), Box::new(Flag(freed.clone())), TWO, kernel, finish).unwrap();
    while batch.progress().0 < 10 {
        thread::sleep(Duration::from_millis(1));
    }
    let before = Instant::now();
    let taken = batch.cancel().unwrap();
    assert!(before.elapsed() < Duration::from_millis(100));
    assert!(batch.cancel().is_none());
    let done = results(taken);
    assert!(done.len() == 10 && done.iter().all(|(index, result)| *result == Ok(*index)));
    // `finish` is not called.
    assert!(gathered.recv().is_err());
    while !freed.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_short_batch_runs_between_the_slices_of_a_long_one() {
    let spin = |micros: u64| {
        move |_: &Document, _: &Stop| {
            let until = Instant::now() + Duration::from_micros(micros);
            while Instant::now() < until {}
            Ok(())
        }
    };
    let all = BatchOptions { workers: pool::thread_count().unwrap(), keep_going: true };
    let (long, _long_end) = start(numbers(1_000_000), all, spin(100));
    thread::sleep(Duration::from_millis(20));
    let before = Instant::now();
    let (_, short) = start(numbers(10), all, spin(100));
    short.recv().unwrap();
    assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
    assert!(long.progress().0 < 1_000_000);
    assert!(long.cancel().is_some());
}
