#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::text::dedupe::similarity;

fn of(minhash: &MinHash, text: &str) -> Vec<u32> {
    minhash.signature(text, &Stop::default()).unwrap()
}

#[test]
fn arguments_are_checked() {
    assert_eq!(By::parse("words"), Ok(By::Words));
    assert_eq!(By::parse("bytes").unwrap_err(), "no shingles of \"bytes\": \"words\" or \"characters\"");
    assert_eq!(MinHash::new(0, 5, 0, By::Words).unwrap_err(), "num_perm=0 is out of range: 1 to 65536");
    assert_eq!(MinHash::new(128, 0, 0, By::Words).unwrap_err(), "ngram=0 is out of range: at least 1");
}

#[test]
fn the_length_is_num_perm() {
    for num_perm in [1, 31, 32, 33, 128, 1000] {
        let minhash = MinHash::new(num_perm, 2, 1, By::Words).unwrap();
        let signature = of(&minhash, "a b c d");
        assert_eq!(signature.len(), num_perm);
        assert_eq!(signature, of(&MinHash::new(1024, 2, 1, By::Words).unwrap(), "a b c d")[..num_perm]);
    }
}

#[test]
fn order_matters_and_white_space_does_not() {
    let minhash = MinHash::new(64, 2, 1, By::Words).unwrap();
    assert_eq!(of(&minhash, "one  two\nthree"), of(&minhash, " one two three "));
    assert_eq!(of(&minhash, "a b a b a b"), of(&minhash, "a b a b"));
    assert_ne!(of(&minhash, "a b c"), of(&minhash, "c b a"));
    assert_ne!(of(&minhash, "ab c"), of(&minhash, "a bc"));
}

#[test]
fn short_texts_are_one_shingle_and_empty_ones_have_none() {
    for by in [By::Words, By::Characters] {
        let minhash = MinHash::new(64, 5, 1, by).unwrap();
        assert_ne!(of(&minhash, "a b"), of(&minhash, "a c"));
        assert_eq!(of(&minhash, ""), vec![u32::MAX; 64]);
    }
    let minhash = MinHash::new(64, 5, 1, By::Words).unwrap();
    assert_eq!(of(&minhash, " \n\t"), vec![u32::MAX; 64]);
    let endless = MinHash::new(64, usize::MAX, 1, By::Words).unwrap();
    assert_ne!(of(&endless, "a b"), of(&endless, "a b c"));
}

#[test]
fn characters_are_code_points() {
    let minhash = MinHash::new(256, 2, 1, By::Characters).unwrap();
    // {né, éé, én} and {né, én}
    let similar = similarity(&of(&minhash, "nééén"), &of(&minhash, "nén"));
    assert!((similar - 2.0 / 3.0).abs() < 0.15, "{similar}");
}

#[test]
fn seeds_give_different_signatures() {
    let [one, other] = [1, 2].map(|seed| of(&MinHash::new(128, 1, seed, By::Words).unwrap(), "a b c d e f"));
    assert!(similarity(&one, &other) < 0.1);
}

#[test]
fn the_signature_of_a_long_text_is_the_minimum_of_its_shingles() {
    // More words than are permuted at once or kept in one block.
    let words: Vec<String> = (0..5000).map(|index| format!("w{}", index * 7919 % 5003)).collect();
    let minhash = MinHash::new(64, 3, 9, By::Words).unwrap();
    let mut least = vec![u32::MAX; 64];
    for shingle in words.windows(3) {
        for (least, number) in least.iter_mut().zip(of(&minhash, &shingle.join(" "))) {
            *least = (*least).min(number);
        }
    }
    assert_eq!(of(&minhash, &words.join(" ")), least);
}

/// The error of the estimate is that of ideal permutations, √(J (1 − J) / num_perm), without bias.
#[test]
fn estimates_have_the_expected_error() {
    const ROUNDS: u32 = 100;
    for (common, only) in [(1, 4), (10, 20), (50, 50), (300, 60), (1000, 20)] {
        let jaccard = f64::from(common) / f64::from(common + only);
        let (mut sum, mut squares) = (0.0, 0.0);
        for round in 0..ROUNDS {
            let minhash = MinHash::new(128, 1, u64::from(round), By::Words).unwrap();
            let text = |from, to| (from..to).map(|word| format!("{round}-{word} ")).collect::<String>();
            let shared = text(0, common);
            let one = of(&minhash, &(shared.clone() + &text(common, common + only / 2)));
            let other = of(&minhash, &(shared + &text(common + only / 2, common + only)));
            let error = similarity(&one, &other) - jaccard;
            sum += error;
            squares += error * error;
        }
        let ideal = (jaccard * (1.0 - jaccard) / 128.0).sqrt();
        let rounds = f64::from(ROUNDS);
        assert!((sum / rounds).abs() < 3.0 * ideal / rounds.sqrt(), "bias at {jaccard}: {}", sum / rounds);
        assert!((squares / rounds).sqrt() < 1.25 * ideal, "error at {jaccard}: {}", (squares / rounds).sqrt());
    }
}

#[test]
fn every_cpu_has_the_same_signatures() {
    let minhash = MinHash::new(64, 1, 3, By::Words).unwrap();
    let hashes: Vec<u32> = (0..100).map(|index: u32| index.wrapping_mul(0x9e37_79b9)).collect();
    let mut plain = vec![[u32::MAX; LANES]; 2];
    let mut best = plain.clone();
    permute_lanes(&minhash.multipliers, &minhash.summands, &hashes, &mut plain);
    permute(&minhash.multipliers, &minhash.summands, &hashes, &mut best);
    assert_eq!(plain, best);
}

#[test]
fn a_stop_ends_the_computation() {
    let stop = Stop::default();
    stop.set();
    assert_eq!(MinHash::new(8, 1, 0, By::Words).unwrap().signature("a", &stop), Err(KernelError::stopped()));
}
