#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::text::minhash::{By, MinHash};

fn keep(signatures: &[Option<Vec<u32>>], threshold: f64) -> Vec<usize> {
    duplicates(signatures, threshold, &Stop::default()).unwrap()
}

fn random(random: &mut fastrand::Rng, num_perm: usize) -> Vec<u32> {
    (0..num_perm).map(|_| random.u32(..)).collect()
}

#[test]
fn the_first_of_each_group_is_kept() {
    let minhash = MinHash::new(128, 1, 1, By::Words).unwrap();
    let text = |from: u32, to: u32| (from..to).map(|word| format!("{word} ")).collect::<String>();
    let texts = [text(0, 100), text(500, 600), text(0, 95), text(500, 600), String::new(), text(0, 50), "\n".into()];
    let signatures: Vec<_> =
        texts.iter().map(|text| Some(minhash.signature(text, &Stop::default()).unwrap())).collect();
    assert_eq!(keep(&signatures, 0.8), [0, 1, 4, 5]);
    assert_eq!(keep(&signatures, 0.3), [0, 1, 4]);
    assert_eq!(keep(&signatures, 1.0), [0, 1, 2, 4, 5]);
}

#[test]
fn unread_documents_are_not_kept() {
    assert_eq!(keep(&[None, Some(vec![1; 8]), None, Some(vec![1; 8])], 0.8), [1]);
    assert_eq!(keep(&[], 0.8), [0; 0]);
    assert_eq!(keep(&[None], 0.8), [0; 0]);
}

/// Compared with all pairs; each pair is well off the threshold.
#[test]
fn the_result_equals_a_comparison_of_all_pairs() {
    let mut rng = fastrand::Rng::with_seed(11);
    for threshold in [0.05_f64, 0.2, 0.5, 0.8, 0.9, 0.99] {
        let mut signatures: Vec<Vec<u32>> = Vec::new();
        for _ in 0..400 {
            let mut signature = random(&mut rng, 128);
            if !signatures.is_empty() && rng.bool() {
                let model = signatures[rng.usize(..signatures.len())].clone();
                // Clearly similar, or clearly not.
                let share = if rng.bool() { (threshold + 0.06).min(1.0) } else { threshold - 0.06 };
                let equal = (share.max(0.0) * 128.0).ceil() as usize;
                signature[..equal].copy_from_slice(&model[..equal]);
                let mut order: Vec<usize> = (0..128).collect();
                fastrand::Rng::with_seed(7).shuffle(&mut order);
                signature =
                    (0..128).map(|place| if order[place] < equal { model[place] } else { signature[place] }).collect();
            }
            signatures.push(signature);
        }
        let mut expected: Vec<usize> = Vec::new();
        for (index, signature) in signatures.iter().enumerate() {
            if !expected.iter().any(|kept| similarity(&signatures[*kept], signature) >= threshold) {
                expected.push(index);
            }
        }
        let signatures: Vec<_> = signatures.into_iter().map(Some).collect();
        let found = keep(&signatures, threshold);
        let differing = found.iter().filter(|index| !expected.contains(index)).count();
        assert!(differing <= 2 && found.len() >= expected.len(), "{threshold}: {differing}");
    }
}

#[test]
fn bands_are_as_wide_as_possible() {
    assert_eq!(Bands::new(128, 1.0), Bands { count: 1, rows: 128 });
    assert_eq!(Bands::new(128, 0.8), Bands { count: 21, rows: 6 });
    assert_eq!(Bands::new(128, 0.01), Bands { count: 128, rows: 1 });
    assert_eq!(Bands::new(1, 0.5), Bands { count: 1, rows: 1 });
    assert_eq!(Bands::new(128, 0.8).keys(&[7; 128]).collect::<std::collections::HashSet<_>>().len(), 21);
}

#[test]
fn equal_signatures_are_always_found() {
    let mut rng = fastrand::Rng::with_seed(12);
    let models: Vec<_> = (0..100).map(|_| Some(random(&mut rng, 16))).collect();
    let signatures: Vec<_> = (0..20_000).map(|index: usize| models[index * index % 100].clone()).collect();
    for threshold in [1e-9, 0.5, 1.0] {
        let expected = (0..100).filter(|square| (0..100).any(|index: usize| index * index % 100 == *square)).count();
        assert_eq!(keep(&signatures, threshold).len(), expected, "{threshold}");
    }
}

/// All signatures share one half and none is a duplicate; comparing all pairs would take quadratic time.
#[test]
fn many_similar_signatures_do_not_take_quadratic_time() {
    let mut rng = fastrand::Rng::with_seed(13);
    let signatures: Vec<_> = (0..4_000)
        .map(|_| {
            let mut signature = random(&mut rng, 64);
            signature[..32].fill(1);
            Some(signature)
        })
        .collect();
    assert_eq!(keep(&signatures, 0.9).len(), 4_000);
}

#[test]
fn invalid_arguments_and_a_stop_are_errors() {
    for threshold in [0.0, -1.0, 1.1, f64::NAN] {
        assert!(duplicates(&[], threshold, &Stop::default()).unwrap_err().message.contains("out of range"));
    }
    let failure = duplicates(&[Some(vec![1]), Some(vec![1, 2])], 0.8, &Stop::default()).unwrap_err();
    assert_eq!(failure.message, "signatures of different lengths");
    let stop = Stop::default();
    stop.set();
    assert_eq!(duplicates(&[Some(vec![1])], 0.8, &stop), Err(KernelError::stopped()));
}
