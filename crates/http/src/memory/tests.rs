use super::*;

#[test]
fn an_impossible_size_is_an_error() {
    let mut bytes = b"kept".to_vec();
    for size in [usize::MAX, usize::MAX / 2, 1 << 60, 1_000_000_000_000_000] {
        assert_eq!(reserve(&mut bytes, size), Err(OutOfMemory));
        assert_eq!(reserve_exact(&mut bytes, size), Err(OutOfMemory));
        assert_eq!(with_capacity(size), Err(OutOfMemory));
    }
    assert_eq!(bytes, b"kept");
    extend(&mut bytes, b" and added").unwrap();
    assert_eq!(bytes, b"kept and added");
}

#[test]
fn growth_jumps_to_mapped_sizes() {
    let mut bytes = with_capacity(1 << 20).unwrap();
    for grown in [2 << 20, MAPPED, 2 * MAPPED] {
        bytes.resize(bytes.capacity(), 1);
        reserve(&mut bytes, 1).unwrap();
        assert_eq!(bytes.capacity(), grown);
    }
    bytes.truncate(3 << 20);
    trim(&mut bytes);
    assert!(bytes.capacity() < 4 << 20 && bytes.iter().all(|byte| *byte == 1));
}

#[test]
fn out_of_memory_is_the_failure_of_one_request() {
    let failure = AttemptError::from(OutOfMemory);
    assert_eq!((failure.kind, failure.phase), (ErrorKind::Memory, Phase::Body));
    assert_eq!(io::Error::from(OutOfMemory).kind(), io::ErrorKind::OutOfMemory);
}
