use super::sixteen::{blanks, digits, string_stops};
use super::{Classes, classify};

fn check_each_byte_at_each_position(classify: impl Fn(&[u8; 64]) -> Classes) {
    for byte in 0..=255u8 {
        for place in [0, 1, 7, 8, 31, 32, 63] {
            let mut block = [b'a'; 64];
            if let Some(slot) = block.get_mut(place) {
                *slot = byte;
            }
            let classes = classify(&block);
            let expected = |is: bool| u64::from(is) << place;
            assert_eq!(classes.quote, expected(byte == b'"'));
            assert_eq!(classes.backslash, expected(byte == b'\\'));
            assert_eq!(classes.operator, expected(b"{}[]:,\x1a\x0c".contains(&byte)), "{byte}");
            assert_eq!(classes.blank, expected(b" \t\n\r".contains(&byte)));
            assert_eq!(classes.control, expected(byte < 0x20));
        }
    }
}

#[test]
fn classes_portable() {
    check_each_byte_at_each_position(classify);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn classes_avx2() {
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the line above found AVX2.
        check_each_byte_at_each_position(|block| unsafe { super::classify_avx2(block) });
    }
}

#[test]
fn sixteen_bytes() {
    for byte in 0..=255u8 {
        for place in 0..16 {
            let mut block = [b'a'; 16];
            if let Some(slot) = block.get_mut(place) {
                *slot = byte;
            }
            let expected = |is: bool| u32::from(is) << place;
            let stops = matches!(byte, b'"' | b'\\' | 0..0x20);
            assert_eq!(string_stops(&block), (expected(stops), expected(byte >= 0x80)), "{byte}");
            assert_eq!(digits(&block), expected(byte.is_ascii_digit()), "{byte}");
            assert_eq!(blanks(&block), expected(b" \t\n\r".contains(&byte)), "{byte}");
        }
    }
}
