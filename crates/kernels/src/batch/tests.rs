//! Tests of batches, on the real pool.

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
    options: Options,
    kernel: impl Fn(&Document, &Stop) -> Outcome<T> + Send + Sync + 'static,
) -> (Arc<Batch<T>>, Receiver<Gathered<T>>) {
    let (sender, gathered) = channel();
    let finish = move |gathered, _: &Stop| sender.send(gathered).unwrap();
    (Batch::start(documents, Box::new(()), options, kernel, finish).unwrap(), gathered)
}

const TWO: Options = Options { workers: 2, keep_going: true };
const FAIL: Options = Options { workers: 2, keep_going: false };

fn flat<T>(gathered: Gathered<T>) -> Vec<(usize, Outcome<T>)> {
    let numbered = |block: Block<T>| (block.start..).zip(block.outcomes);
    gathered.blocks.into_iter().flat_map(numbered).collect()
}

#[test]
fn results_come_in_order() {
    for count in [0, 1, 2, 7, 1000, 20_000] {
        let (batch, gathered) = start(numbers(count), TWO, |document, _| Ok(number(document)));
        let gathered = gathered.recv().unwrap();
        assert_eq!(gathered.total, count);
        let expected: Vec<_> = (0..count).map(|number| (number, Ok(number))).collect();
        assert_eq!(flat(gathered), expected);
        assert_eq!(batch.progress(), (count, count));
        assert_eq!(batch.figures().ok, count as u64);
    }
}

#[test]
fn a_failure_ends_the_batch_or_stays_in_its_place() {
    let kernel = |document: &Document, _: &Stop| match number(document) {
        number if number % 100 == 50 => Err(KernelError::value("fifty")),
        number => Ok(number),
    };
    let (batch, gathered) = start(numbers(1000), TWO, kernel);
    let gathered = gathered.recv().unwrap();
    assert!(gathered.failure.is_none());
    let flat_outcomes = flat(gathered);
    assert_eq!(flat_outcomes.len(), 1000);
    assert!(flat_outcomes.iter().all(|(index, outcome)| outcome.is_err() == (index % 100 == 50)));
    assert_eq!(batch.figures().failed, [(ErrorKind::Value, 10)]);
    assert_eq!(batch.figures().ok, 990);

    let (_, gathered) = start(numbers(100_000), FAIL, kernel);
    let gathered = gathered.recv().unwrap();
    let (index, failure) = gathered.failure.clone().unwrap();
    assert_eq!((index % 100, failure), (50, KernelError::value("fifty")));
    let done = flat(gathered);
    assert!(done.len() < 100_000 && done.iter().any(|(at, _)| *at == index));
}

#[test]
fn a_panic_is_the_failure_of_its_document() {
    let (_, gathered) = start(numbers(10), TWO, |document, _| match number(document) {
        3 => std::panic::resume_unwind(Box::new("on purpose")),
        number => Ok(number),
    });
    let outcomes = flat(gathered.recv().unwrap());
    let failure = outcomes[3].1.clone().unwrap_err();
    assert!(failure.kind == ErrorKind::Internal && failure.message.contains("on purpose"));
    assert_eq!(outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count(), 9);
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn cancelling_keeps_what_is_finished_and_frees_the_documents() {
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
    let batch = Batch::start(numbers(50), Box::new(Flag(freed.clone())), TWO, kernel, finish).unwrap();
    while batch.progress().0 < 10 {
        thread::sleep(Duration::from_millis(1));
    }
    let before = Instant::now();
    let taken = batch.cancel().unwrap();
    assert!(before.elapsed() < Duration::from_millis(100));
    assert!(batch.cancel().is_none());
    let done = flat(taken);
    assert!(done.len() == 10 && done.iter().all(|(index, outcome)| *outcome == Ok(*index)));
    // Nobody is told of an end.
    assert!(gathered.recv().is_err());
    while !freed.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_short_batch_gets_in_between_the_slices_of_a_long_one() {
    let spin = |micros: u64| {
        move |_: &Document, _: &Stop| {
            let until = Instant::now() + Duration::from_micros(micros);
            while Instant::now() < until {}
            Ok(())
        }
    };
    let all = Options { workers: pool::thread_count().unwrap(), keep_going: true };
    let (long, _long_end) = start(numbers(1_000_000), all, spin(100));
    thread::sleep(Duration::from_millis(20));
    let before = Instant::now();
    let (_, short) = start(numbers(10), all, spin(100));
    short.recv().unwrap();
    assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
    assert!(long.progress().0 < 1_000_000);
    assert!(long.cancel().is_some());
}
