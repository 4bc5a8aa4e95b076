use super::{blanks, digits, portable, string_stops, token};

#[test]
fn each_byte_at_each_position() {
    for byte in 0..=255u8 {
        for place in 0..16 {
            let mut block = [b'a'; 16];
            if let Some(slot) = block.get_mut(place) {
                *slot = byte;
            }
            let expected = |is: bool| u32::from(is) << place;
            let stops = matches!(byte, b'"' | b'\\' | 0..0x20);
            for string_stops in [string_stops, portable::string_stops] {
                assert_eq!(string_stops(&block), (expected(stops), expected(byte >= 0x80)), "{byte}");
            }
            for digits in [digits, portable::digits] {
                assert_eq!(digits(&block), expected(byte.is_ascii_digit()), "{byte}");
            }
            for blanks in [blanks, portable::blanks] {
                assert_eq!(blanks(&block), expected(b" \t\n\r".contains(&byte)), "{byte}");
            }
        }
    }
}

#[test]
fn blanks_before_a_token() {
    for count in 0..70 {
        for blank in [" ", "\n", "\t", "\r", "\n "] {
            for after in ["", "                "] {
                let text = format!("{}:{after}", blank.repeat(count));
                assert_eq!(token(text.as_bytes(), 0), (b':', blank.len() * count), "{text:?}");
            }
        }
    }
    assert_eq!((token(b" ", 0), token(b"\x01 ", 0)), ((0, 1), (1, 0)));
}
