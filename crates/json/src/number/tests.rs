use super::{Number, Short, end, long_end, read, read_long};

#[test]
fn ends() {
    for (text, expected) in [
        ("0", Some(1)),
        ("-0,", Some(2)),
        ("12]", Some(2)),
        ("1.5e+10 ", Some(7)),
        ("1E5", Some(3)),
        ("01", None),
        ("-", None),
        ("1.", None),
        ("1.e5", None),
        ("1e", None),
        ("1e+", None),
        (".5", None),
        ("+1", None),
        ("-a", None),
        ("1x", Some(1)),
    ] {
        for padding in ["", "                "] {
            let padded = format!("{text}{padding}");
            assert_eq!(end(padded.as_bytes(), 0), expected, "{padded:?}");
            assert_eq!(read(&padded, 0).map(|(_, end)| end), expected, "{padded:?}");
        }
    }
    for digits in 1..50 {
        for point in 1..=digits {
            let number = "1".repeat(point) + "." + &"2".repeat(digits - point);
            let number = number.trim_end_matches('.');
            for padding in ["", ",", "                "] {
                assert_eq!(end(format!("{number}{padding}").as_bytes(), 0), Some(number.len()), "{number}");
            }
        }
    }
}

#[test]
fn short_and_long_agree() {
    let mut texts: Vec<String> = (0..3000).map(|number: u32| number.to_string()).collect();
    texts.extend((0..3000).map(|number| format!("{}.{:03}", number / 7 * 11, number % 1000)));
    texts.extend((1..14).map(|point| format!("{}.{}", &"123456789012345"[..point], &"98765432101234"[point..])));
    texts.extend(["123456789012345", "999999999999999", "0.0", "0.0000000000001"].map(String::from));
    for text in texts.iter().flat_map(|text| [text.clone(), format!("-{text}")]) {
        let padded = format!("{text},\"some more of it\"");
        let short = Short::at(padded.as_bytes(), 0).map(|short| (short.value(), short.length()));
        assert_eq!(short, read_long(&padded, 0), "{text}");
        assert!(short.is_some_and(|(_, end)| end == text.len()), "{text}");
    }
    // All texts of six of these characters: `Short` and `long_end` agree where a number ends.
    let letters = b"-0.1e:";
    for code in 0..letters.len().pow(6) {
        let text: Vec<u8> =
            (0..6).filter_map(|place: u32| letters.get(code / 6usize.pow(place) % 6).copied()).collect();
        let padded = [&text, b",               ".as_slice()].concat();
        if let Some(short) = Short::at(&padded, 0) {
            assert_eq!(Some(short.length()), long_end(&padded, 0), "{text:?}");
        }
        assert_eq!(end(&padded, 0), end(&text, 0), "{text:?}");
    }
    // Each byte after two digits: only a point, `e`, `E` or a digit continues the number. (0x0E, whose lower bits are
    // those of the point, was once taken for a point.)
    for byte in 0..=u8::MAX {
        let padded = [b"12".as_slice(), &[byte], b"5,              "].concat();
        let expected = match byte {
            b'.' | b'e' | b'E' | b'0'..=b'9' => 4,
            _ => 2,
        };
        assert_eq!(end(&padded, 0), Some(expected), "{byte:#x}");
    }
}

#[test]
fn values() {
    for (text, expected) in [
        ("0", Number::Int(0)),
        ("-0", Number::Int(0)),
        ("-12", Number::Int(-12)),
        ("9223372036854775807", Number::Int(i64::MAX)),
        ("-9223372036854775808", Number::Int(i64::MIN)),
        ("-9223372036854775809", Number::Big("-9223372036854775809")),
        ("9223372036854775808", Number::Uint(1 << 63)),
        ("18446744073709551615", Number::Uint(u64::MAX)),
        ("18446744073709551616", Number::Big("18446744073709551616")),
        ("99999999999999999999", Number::Big("99999999999999999999")),
        ("123456789012345678901234567890", Number::Big("123456789012345678901234567890")),
        ("1.0", Number::Float(1.0)),
        ("-0.0", Number::Float(-0.0)),
        ("1e2", Number::Float(100.0)),
        ("0.1234567890123456789012345", Number::Float(0.123_456_789_012_345_68)),
        ("1e999", Number::Float(f64::INFINITY)),
    ] {
        for padding in ["", "                "] {
            let padded = format!("{text}{padding}");
            assert_eq!(read(&padded, 0), Some((expected, text.len())), "{padded:?}");
        }
    }
}
