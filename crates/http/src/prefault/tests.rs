use super::*;

#[test]
fn populating_keeps_the_contents() {
    for size in [0, 1, 4096, MIN, 128 << 10, (20 << 20) + 12_345] {
        let mut bytes = vec![7u8; 100];
        bytes.reserve_exact(size);
        populate(bytes.spare_capacity_mut());
        bytes.resize(100 + size, 9);
        assert!(bytes.iter().take(100).all(|byte| *byte == 7) && bytes.iter().skip(100).all(|byte| *byte == 9));
    }
}

#[test]
fn marks_double_and_then_repeat() {
    let mut come = 0;
    let mut marks = Vec::new();
    while come < 1 << 20 {
        assert!(!is_mark(come + 1) && until_mark(come + 1) == until_mark(come) - 1);
        come += until_mark(come);
        assert!(is_mark(come), "{come}");
        marks.push(come >> 10);
    }
    assert_eq!(marks, [64, 128, 256, 512, 768, 1024]);
}
