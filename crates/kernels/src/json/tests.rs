//! Whole documents: errors and their positions, results, and the cost of hostile documents.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed test may panic")]

use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::extract::Extract;
use super::pointer::Pointer;
use super::rows::Rows;
use crate::error::{ErrorKind, KernelError};
use crate::stop::Stop;

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn extract(json: impl AsRef<[u8]>, pointers: &[&str]) -> Result<RecordBatch, KernelError> {
    let columns: Vec<_> = pointers.iter().map(|text| ((*text).to_owned(), pointer(text))).collect();
    let (extract, stop) = (Extract::new(&columns), Stop::default());
    let row = extract.run(json.as_ref(), &stop)?;
    extract.finish([Some(row)], &stop)
}

fn check(json: impl AsRef<[u8]>) -> Result<(), KernelError> {
    extract(json, &["/not there"]).map(drop)
}

fn rows(documents: &[&str], at: &str, columns: Option<&[&str]>) -> Result<RecordBatch, KernelError> {
    let columns = columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let (rows, stop) = (Rows::new(pointer(at), columns).unwrap(), Stop::default());
    let blocks: Vec<_> = documents.iter().map(|json| rows.run(json.as_bytes(), &stop)).collect::<Result<_, _>>()?;
    rows.finish(blocks, &stop)
}

/// A table as text: names and types, then the rows.
fn shown(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let head: Vec<_> = schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type())).collect();
    let mut lines = vec![head.join(" ")];
    for row in 0..batch.num_rows() {
        lines.push(batch.columns().iter().map(|array| cell(array, row)).collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

fn cell(array: &dyn Array, row: usize) -> String {
    match array.data_type() {
        _ if array.is_null(row) => "-".into(),
        DataType::Null => "-".into(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        _ => array.as_string::<i64>().value(row).to_owned(),
    }
}

/// Whether a text is JSON, according to a minimal parser, whose functions consume what they read.
fn is_json(text: &str) -> bool {
    fn value(text: &mut &[u8]) -> Option<()> {
        blanks(text);
        match *text.first()? {
            b'{' => elements(text, b'}', |text| {
                blanks(text);
                (text.first() == Some(&b'"')).then(|| string(text))??;
                blanks(text);
                eat(text, b":")?;
                value(text)
            }),
            b'[' => elements(text, b']', value),
            b'"' => string(text),
            b't' => eat(text, b"true"),
            b'f' => eat(text, b"false"),
            b'n' => eat(text, b"null"),
            _ => {
                let _ = eat(text, b"-");
                if eat(text, b"0").is_none() {
                    digits(text)?;
                }
                if eat(text, b".").is_some() {
                    digits(text)?;
                }
                if eat(text, b"e").or_else(|| eat(text, b"E")).is_some() {
                    let _ = eat(text, b"+").or_else(|| eat(text, b"-"));
                    digits(text)?;
                }
                Some(())
            }
        }
    }
    fn elements(text: &mut &[u8], close: u8, element: impl Fn(&mut &[u8]) -> Option<()>) -> Option<()> {
        *text = &text[1..];
        blanks(text);
        if eat(text, &[close]).is_some() {
            return Some(());
        }
        loop {
            element(text)?;
            blanks(text);
            if eat(text, &[close]).is_some() {
                return Some(());
            }
            eat(text, b",")?;
        }
    }
    fn string(text: &mut &[u8]) -> Option<()> {
        eat(text, b"\"")?;
        loop {
            match *text.first()? {
                b'"' => return eat(text, b"\""),
                ..0x20 => return None,
                b'\\' if text.get(1) == Some(&b'u') => match unit(text)? {
                    0xD800..0xDC00 => matches!(unit(text)?, 0xDC00..0xE000).then_some(())?,
                    0xDC00..0xE000 => return None,
                    _ => {}
                },
                b'\\' => {
                    b"\"\\/bfnrt".contains(text.get(1)?).then_some(())?;
                    *text = &text[2..];
                }
                _ => *text = &text[1..],
            }
        }
    }
    fn unit(text: &mut &[u8]) -> Option<u16> {
        eat(text, b"\\u")?;
        let digits = text.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        *text = &text[4..];
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
    fn digits(text: &mut &[u8]) -> Option<()> {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = &text[count..];
        (count > 0).then_some(())
    }
    fn blanks(text: &mut &[u8]) {
        let count = text.iter().take_while(|byte| b" \t\n\r".contains(byte)).count();
        *text = &text[count..];
    }
    fn eat(text: &mut &[u8], start: &[u8]) -> Option<()> {
        *text = text.strip_prefix(start)?;
        Some(())
    }
    let mut rest = text.as_bytes();
    if value(&mut rest).is_none() {
        return false;
    }
    blanks(&mut rest);
    rest.is_empty()
}

#[test]
fn validity_equals_that_of_a_minimal_parser() {
    let documents = [
        r#"{"id": 17, "text": "a\"b\\", "list": [1, -2.5e+3, true, false, null], "more": {"x": {}, "y": []}}"#,
        "[[1,2,3],[12345678,123456789,0.125,-0.5],[\"\\ud83d\\ude00\",\"é\",\"\\u0041\"]]",
        "  \"a string\"  ",
        "{\"a\":{\"b\":{\"c\":[[[[]]]]}},\"a\":1}\n",
        "[0, 00, 01, 1., .5, 1e5, 1E-05, -, +1, 1e999]",
    ];
    let letters = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "0",
        "1",
        "-",
        ".",
        "e",
        "u",
        "t",
        "true",
        "null",
        " ",
        "\n",
        "\u{c}",
        "\u{1a}",
        "\u{1}",
        "\u{0}",
        "é",
        "\\ud83d",
        "\\n",
        "1234567890",
        "\"\"",
        "        ",
    ];
    let mut random = fastrand::Rng::with_seed(1);
    let mut valid = 0;
    for round in 0..20_000 {
        // The lead moves the ends of blocks and windows to any position of the document.
        let lead = match round % 200 {
            0 => " ".repeat(16 * 1024 - random.usize(..120)),
            1 => format!("{}\"", " ".repeat(random.usize(..100))),
            _ => " ".repeat(random.usize(..130)),
        };
        let mut text = lead + documents[random.usize(..documents.len())];
        for _ in 0..random.usize(..4) {
            let mut at = random.usize(..=text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let letter = letters[random.usize(..letters.len())];
            match random.u8(..3) {
                0 => text.insert_str(at, letter),
                1 if at < text.len() => drop(text.remove(at)),
                _ => text.truncate(at),
            }
        }
        let expected = is_json(&text);
        valid += u32::from(expected);
        assert_eq!(check(&text).is_ok(), expected, "{text:?}");
        // Extraction takes another path through containers.
        let inside = extract(&text, &["/id", "/more/y/0", "/list/3", "/0/0", "/2/1", "/a/b/c", ""]);
        assert_eq!(inside.is_ok() || inside.is_err_and(|fault| fault.message == "Number out of range"), expected);
    }
    assert!(valid > 3_000, "{valid}");
}

#[test]
fn errors_have_a_message_and_a_position() {
    for (json, message, position) in [
        ("", "Expecting value", 0),
        ("  ", "Expecting value", 2),
        ("{\"a\": 1, \"b\": [1, 2", "Expecting ',' delimiter", 19),
        ("{\"a\": 1} {\"b\": 2}", "Extra data", 9),
        ("[1, 2]]", "Extra data", 6),
        ("[1 2]", "Expecting ',' delimiter", 3),
        ("[1,]", "Expecting value", 3),
        ("{\"a\" 1}", "Expecting ':' delimiter", 5),
        ("{a: 1}", "Expecting property name enclosed in double quotes", 1),
        ("{\"a\": 1,}", "Expecting property name enclosed in double quotes", 8),
        ("[1, \"abc", "Unterminated string starting at", 4),
        ("[1, \"abc\\\"]", "Unterminated string starting at", 4),
        ("[\"a\nb\"]", "Invalid control character at", 3),
        ("[\"a\\x\"]", "Invalid \\escape", 3),
        ("[\"\\u12g4\"]", "Invalid \\uXXXX escape", 2),
        ("[\"\\ud800\"]", "Half of a surrogate pair", 2),
        ("[\"\\udc00\"]", "Half of a surrogate pair", 2),
        ("[\"\\ud800\\ud800\\udc00\"]", "Half of a surrogate pair", 2),
        ("[NaN]", "Expecting value", 1),
        ("-Infinity", "Expecting value", 0),
        ("[1, 01]", "Expecting value", 4),
        ("[tru]", "Expecting value", 1),
        ("truest", "Expecting value", 0),
        ("\u{0}", "Expecting value", 0),
        ("[1]\u{0}", "Extra data", 3),
        // The first of several errors is reported.
        ("[01, \"\\x\", \"", "Expecting value", 1),
    ] {
        let failure = check(json).unwrap_err();
        assert_eq!(failure, KernelError::json(message, position), "{json:?}");
    }
    let long = format!("[\"{}\", \"{}", "x".repeat(40_000), "y".repeat(40_000));
    assert_eq!(check(&long).unwrap_err(), KernelError::json("Unterminated string starting at", 40_005));
    assert_eq!(check(b"[\"a\xff\"]").unwrap_err(), KernelError::json("Invalid UTF-8", 3));
    assert_eq!(check(b"[1, 2, \xc3").unwrap_err(), KernelError::json("Invalid UTF-8", 7));
    let failure = extract("{\"a\": 1e999}", &["/a"]).unwrap_err();
    assert_eq!(failure, KernelError::json("Number out of range", 6));
}

#[test]
fn values_at_pointers() {
    let json = r#"{"id": 7, "big": 18446744073709551615, "huge": 123456789012345678901234567890,
        "x": {"y": [10, {"z": "déjà\nvu 😀\ud83d\ude00"}], "": "empty", "a/b": 1.50, "m~n": false},
        "n": null, "\u0065scaped": "\"", "0": ["zero"], "minus": -0}"#;
    let pointers = [
        "/id", "/big", "/huge", "/x/y/1/z", "/x/y", "/x/", "/x/a~1b", "/x/m~0n", "/n", "/escaped", "/0/0", "/nope",
        "/x/y/2", "/x/y/-", "/x/y/01", "/id/a", "/minus",
    ];
    let batch = extract(json, &pointers).unwrap();
    let row: Vec<_> = batch.columns().iter().map(|array| cell(array, 0)).collect();
    assert_eq!(
        row,
        [
            "7",
            "18446744073709551615",
            "123456789012345678901234567890",
            "déjà\nvu 😀😀",
            r#"[10, {"z": "déjà\nvu 😀\ud83d\ude00"}]"#,
            "empty",
            "1.5",
            "false",
            "-",
            "\"",
            "zero",
            "-",
            "-",
            "-",
            "-",
            "-",
            "0"
        ]
    );
    // The whole document and a part of it; a byte order mark is not part of the document.
    assert_eq!(shown(&extract("\u{feff} [1] ", &["", "/0"]).unwrap()), ":LargeUtf8 /0:Int64\n[1] 1");
    assert_eq!(shown(&extract("5", &[""]).unwrap()), ":Int64\n5");
    assert_eq!(shown(&extract("{}", &[]).unwrap()), "\n");
}

#[test]
fn the_last_of_repeated_names_wins() {
    let json = r#"{"a": {"b": 1, "b": 2}, "c": 1, "a": {"d": 4}, "c": [3]}"#;
    assert_eq!(
        shown(&extract(json, &["/a/b", "/a/d", "/c", "/c/0"]).unwrap()),
        "/a/b:Null /a/d:Int64 /c:LargeUtf8 /c/0:Int64\n- 4 [3] 3"
    );
    assert_eq!(shown(&rows(&[r#"[{"a": 1, "b": 2, "a": "x"}]"#], "", None).unwrap()), "a:LargeUtf8 b:Int64\nx 2");
}

#[test]
fn a_failed_document_keeps_its_place() {
    let (extract, stop) = (Extract::new(&[("a".into(), pointer("/a"))]), Stop::default());
    let row = || Some(extract.run(b"{\"a\": 1}", &stop).unwrap());
    let batch = extract.finish([row(), None, row()], &stop).unwrap();
    assert_eq!(shown(&batch), "a:Int64\n1\n-\n1");
    assert_eq!(shown(&extract.finish([None], &stop).unwrap()), "a:Null\n-");
    assert_eq!(shown(&extract.finish([], &stop).unwrap()), "a:Null");
}

#[test]
fn rows_of_arrays() {
    let json = r#"{"resultSets": [{"headers": ["ID", "NAME", "ID"], "rowSet": [[1, "a", 1.5], [2, null], null, []]}]}"#;
    let at = "/resultSets/0/rowSet";
    let table = rows(&[json], at, None).unwrap();
    assert_eq!(shown(&table), "ID:Int64 NAME:LargeUtf8 ID.1:Float64\n1 a 1.5\n2 - -\n- - -\n- - -");
    let chosen = rows(&[json, json], at, Some(&["ID.1", "ID"])).unwrap();
    assert_eq!(shown(&chosen), "ID.1:Float64 ID:Int64\n1.5 1\n- 2\n- -\n- -\n1.5 1\n- 2\n- -\n- -");
    let behind = r#"{"rowSet": [[1, 2]], "headers": ["a", "b"]}"#;
    assert_eq!(shown(&rows(&[behind], "/rowSet", None).unwrap()), "a:Int64 b:Int64\n1 2");
    let without = r#"[[1], [2, "x"], null, [3, 4, true]]"#;
    let table = rows(&[without], "", None).unwrap();
    assert_eq!(shown(&table), "0:Int64 1:LargeUtf8 2:Boolean\n1 - -\n2 x -\n- - -\n3 4 true");
    assert_eq!(shown(&rows(&["[[1, 2]]"], "", Some(&["a", "b"])).unwrap()), "a:Int64 b:Int64\n1 2");
    // Headers must be strings, next to the rows.
    let table = rows(&[r#"{"rowSet": [[1]], "headers": [1]}"#], "/rowSet", None).unwrap();
    assert_eq!(shown(&table), "0:Int64\n1");
    let none = r#"{"rowSet": [], "headers": ["a", "b"]}"#;
    assert_eq!(shown(&rows(&[none], "/rowSet", None).unwrap()), "a:Null b:Null");
}

#[test]
fn rows_of_objects() {
    let json = r#"{"items": [{"id": 1, "tags": ["a"]}, {"tags": null, "id": 2, "x": {"y": 1}}, null, {}]}"#;
    let table = rows(&[json], "/items", None).unwrap();
    assert_eq!(shown(&table), "id:Int64 tags:LargeUtf8 x:LargeUtf8\n1 [\"a\"] -\n2 - {\"y\": 1}\n- - -\n- - -");
    let table = rows(&[json, r#"{"items": [{"new": 1.5, "id": "three"}]}"#], "/items", None).unwrap();
    let text = "1 [\"a\"] - -\n2 - {\"y\": 1} -\n- - - -\n- - - -\nthree - - 1.5";
    assert_eq!(shown(&table), format!("id:LargeUtf8 tags:LargeUtf8 x:LargeUtf8 new:Float64\n{text}"));
    let table = rows(&[json], "/items", Some(&["no", "id"])).unwrap();
    assert_eq!(shown(&table), "no:Null id:Int64\n- 1\n- 2\n- -\n- -");
    // The object itself is the only row.
    assert_eq!(shown(&rows(&[json], "/items/1", None).unwrap()), "tags:Null id:Int64 x:LargeUtf8\n- 2 {\"y\": 1}");
    assert_eq!(shown(&rows(&[r#"[{"\u0061": 1}, {"a": 2}]"#], "", None).unwrap()), "a:Int64\n1\n2");
}

#[test]
fn rows_of_single_values() {
    assert_eq!(shown(&rows(&["[1, null, 2]"], "", None).unwrap()), "value:Int64\n1\n-\n2");
    assert_eq!(shown(&rows(&["[null, null]"], "", None).unwrap()), "value:Null\n-\n-");
    assert_eq!(shown(&rows(&["[1]"], "", Some(&["x"])).unwrap()), "x:Int64\n1");
    assert_eq!(shown(&rows(&["[]"], "", None).unwrap()), "");
    assert_eq!(shown(&rows(&["[]"], "", Some(&["x"])).unwrap()), "x:Null");
}

#[test]
fn the_error_names_the_pointer_without_rows() {
    for (json, at, columns, message) in [
        ("{\"a\": 1}", "/b/c", None, "nothing at \"/b/c\""),
        ("{\"a\": 1}", "/a", None, "\"/a\" is not an array or object"),
        ("{\"a\": null}", "/a", None, "\"/a\" is not an array or object"),
        ("[[1], {\"a\": 1}]", "", None, "\"\": row 1 is an object, those before it are arrays"),
        ("[{}, null, 1]", "", None, "\"\": row 2 is a single value, those before it are objects"),
        ("[1, []]", "", None, "\"\": row 1 is an array, those before it are single values"),
        ("[[1, 2, 3]]", "", Some(&["a", "b"][..]), "\"\": row 0 has more cells than the 2 names"),
        ("[1, 2]", "", Some(&["a", "b"]), "\"\": single values make one column, 2 are chosen"),
        (r#"{"headers": ["a"], "r": [[1]]}"#, "/r", Some(&["b"]), "\"/r\": no column \"b\" among the headers"),
        (r#"{"headers": ["a"], "r": [[1, 2]]}"#, "/r", None, "\"/r\": row 0 has more cells than the 1 names"),
    ] {
        let failure = rows(&[json], at, columns).unwrap_err();
        assert_eq!((&failure.kind, failure.message.as_str()), (&ErrorKind::Value, message), "{json}");
    }
    assert!(Rows::new(pointer(""), Some(vec!["a".into(), "a".into()])).unwrap_err().contains("\"a\""));
}

#[test]
fn column_types() {
    for (cells, expected) in [
        ("[1, 2.5, null]", "Float64\n1.0\n2.5\n-"),
        ("[1, 2.5, \"x\"]", "LargeUtf8\n1\n2.5\nx"),
        ("[1.0, 1e300, true]", "LargeUtf8\n1.0\n1e300\ntrue"),
        ("[true, null, false]", "Boolean\ntrue\n-\nfalse"),
        ("[1, 18446744073709551615]", "UInt64\n1\n18446744073709551615"),
        ("[-1, 18446744073709551615]", "LargeUtf8\n-1\n18446744073709551615"),
        ("[1, 18446744073709551616]", "LargeUtf8\n1\n18446744073709551616"),
        ("[0.5, 18446744073709551616]", "Float64\n0.5\n1.8446744073709552e19"),
        ("[-0.0, -0]", "Float64\n-0.0\n0.0"),
        (
            "[12345678, 123456789, -1234567, 1234.5678, 0.1234567, 12345678.5]",
            "Float64\n12345678.0\n123456789.0\n-1234567.0\n1234.5678\n0.1234567\n12345678.5",
        ),
    ] {
        let table =
            rows(&[&cells.replace('[', "[[").replace(']', "]]").replace(", ", "], [")], "", Some(&["v"])).unwrap();
        assert_eq!(shown(&table), format!("v:{expected}"), "{cells}");
    }
}

#[test]
fn a_million_nested_brackets() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    assert_eq!(extract(&deep, &[""]).unwrap().column(0).as_string::<i64>().value(0), deep);
    assert!(check(&deep[..1_000_001]).is_err());
    let mixed = "{\"a\":[".repeat(500_000) + "1" + &"]}".repeat(500_000);
    let far = "/a/0".repeat(500_000);
    assert_eq!(shown(&extract(&mixed, &[&far, "/a/0/b"]).unwrap()).lines().last(), Some("1 -"));
    assert!(check("[".repeat(1_000_000) + &"}".repeat(1_000_000)).is_err());
    assert_eq!(rows(&[&deep], "", None).unwrap().num_rows(), 1);
}

#[test]
fn hostile_documents_take_linear_time() {
    let names: Vec<_> = (0..100_000).map(|number| format!("{{\"k{number}\":1}}")).collect();
    let wide: Vec<_> = (0..100_000).map(|number| format!("\"k{number}\":1")).collect();
    let start = Instant::now();
    let failure = rows(&[&format!("[{}]", names.join(","))], "", None).unwrap_err();
    assert!(failure.message.contains("choose some with columns="), "{failure}");
    assert_eq!(rows(&[&format!("{{{}}}", wide.join(","))], "", None).unwrap().num_columns(), 100_000);
    let same = format!("{{\"headers\":[{}\"a\"],\"r\":[{}[]]}}", "\"a\",".repeat(50_000), "[],".repeat(100_000));
    assert!(rows(&[&same], "/r", None).unwrap_err().message.contains("cells have a value"));
    let documents: Vec<_> = (0..3000).map(|n| format!("{{\"headers\":[\"x{n}\",\"y{n}\"],\"r\":[]}}")).collect();
    let documents: Vec<_> = documents.iter().map(String::as_str).collect();
    assert_eq!(rows(&documents, "/r", None).unwrap().num_columns(), 6000);
    check(format!("[{}1]", "\"\\u0041\\\\\" ,  ".repeat(200_000))).unwrap();
    check(format!("[{}]", " ".repeat(5_000_000))).unwrap();
    check(format!("[1{}", ",1.25".repeat(500_000))).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_stop_ends_extraction() {
    let stop = Stop::default();
    stop.set();
    let extract = Extract::new(&[("a".into(), pointer("/a"))]);
    assert_eq!(extract.run(b"{\"a\": 1}", &stop).unwrap_err().kind, ErrorKind::Stopped);
}
