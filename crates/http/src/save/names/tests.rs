use super::*;

#[test]
fn names_are_safe_on_every_system() {
    for (text, expected) in [
        ("D'Angelo Russell", "D'Angelo Russell"),
        ("Nikola Jokić", "Nikola Jokić"),
        ("渡邊雄太", "渡邊雄太"),
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("../../etc/passwd", "___.._etc_passwd"),
        ("..", "__"),
        (".", "_"),
        ("", "_"),
        (".bashrc", "_bashrc"),
        ("C:\\Windows", "C__Windows"),
        ("<>:\"|?*", "_______"),
        ("a\0b\nc\u{7f}", "a_b_c_"),
        ("\u{2028}\u{85}", "__"),
        ("end. . ", "end____"),
        ("   ", "___"),
        ("CON", "_CON"),
        ("con", "_con"),
        ("nul.txt", "_nul.txt"),
        ("CON .txt", "_CON .txt"),
        ("COM1", "_COM1"),
        ("lpt9.tar.gz", "_lpt9.tar.gz"),
        ("COM¹", "_COM¹"),
        ("COM10", "COM10"),
        ("CONSOLE", "CONSOLE"),
        ("v1.2.tar.gz", "v1.2.tar.gz"),
        ("{index}", "{index}"),
    ] {
        assert_eq!(safe_name(text), expected, "{text:?}");
    }
}

#[test]
fn long_names_keep_their_ending() {
    let long = "x".repeat(300);
    assert_eq!(shorten(&long, 255), "x".repeat(255));
    assert_eq!(shorten(&format!("{long}.html"), 255), format!("{}.html", "x".repeat(250)));
    assert_eq!(shorten(&"ć".repeat(300), 254), "ć".repeat(127));
    assert_eq!(shorten(&"ć".repeat(300), 255), "ć".repeat(127));
    assert_eq!(shorten(&format!("a.{}", "b".repeat(300)), 255).len(), 255);
    assert_eq!(shorten(&format!("{}. .{}", "x".repeat(253), "y".repeat(50)), 255), format!("{}__", "x".repeat(253)));
    assert_eq!(shorten("long", 0), "");
}

#[test]
fn long_names_with_a_checksum_differ() {
    let long = "x".repeat(300);
    assert_eq!(shorten_with_checksum(&long, 200), format!("{}-1b432d13", "x".repeat(191)));
    let (one, two) =
        (shorten_with_checksum(&format!("{long}1.html"), 200), shorten_with_checksum(&format!("{long}2.html"), 200));
    assert!(one != two && one.len() == 200 && two.len() == 200 && one.ends_with(".html"), "{one} {two}");
    assert_eq!(shorten_with_checksum("short", 200), "short");
}
