use super::*;

fn path(template: &str, index: usize, name: Option<&str>) -> Result<String, String> {
    let url = Url::parse("http://user:secret@example.com/a?token=hidden").unwrap();
    PathTemplate::parse(template)?.path(index, name, &url).map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn fills_in_the_index() {
    for (template, expected) in [
        ("out/{index}.json", "out/42.json"),
        ("out/{index:05}.json", "out/00042.json"),
        ("out/{index:05d}.json", "out/00042.json"),
        ("{index:4}", "  42"),
        ("{index:1}", "42"),
        ("{index:d}", "42"),
        ("/abs/{index}/{index}.x", "/abs/42/42.x"),
        ("../up/{index}", "../up/42"),
        ("{{{index}}}", "{42}"),
        ("a{{b}}c{{", "a{b}c{"),
        ("plain.txt", "plain.txt"),
        ("ünïcode/{index}", "ünïcode/42"),
    ] {
        assert_eq!(path(template, 42, None).unwrap(), expected, "{template}");
    }
    assert!(PathTemplate::parse("a/{index}/b").unwrap().is_distinct());
    assert!(!PathTemplate::parse("a/{name}").unwrap().is_distinct());
    assert!(!PathTemplate::parse("a/{index}{name}").unwrap().is_distinct());
}

#[test]
fn fills_in_the_name() {
    assert_eq!(path("out/{name}.json", 0, Some("Nikola Jokić")).unwrap(), "out/Nikola Jokić.json");
    assert_eq!(path("{name}/{index}-{name}", 3, Some("a/b")).unwrap(), "a_b/3-a_b");
    let error = path("out/{name}.json", 7, None).unwrap_err();
    assert!(error.contains("item 7") && error.contains("{name}") && error.contains("example.com"), "{error}");
    assert!(!error.contains("secret") && !error.contains("hidden"), "{error}");
}

#[test]
fn says_what_is_wrong() {
    for (template, why) in [
        ("", "names no file"),
        ("out/", "names no file"),
        ("out/..", "names a folder"),
        (".", "names a folder"),
        ("a}b", "single '}'"),
        ("a{index", "without '}'"),
        ("{", "without '}'"),
        ("{}", "unknown placeholder {}"),
        ("{host}", "unknown placeholder {host}"),
        ("{0}", "unknown placeholder {0}"),
        ("{index!r}", "unknown placeholder {index!r}"),
        ("{index:x}", "\"x\""),
        ("{index:>5}", "\">5\""),
        ("{index:100000}", "\"100000\""),
        ("{name:20}", "takes no format"),
        ("a\0b", "NUL"),
    ] {
        let error = PathTemplate::parse(template).unwrap_err();
        assert!(error.contains(why), "{template:?}: {error}");
    }
}

#[test]
fn a_name_never_leaves_its_component() {
    let mut random = fastrand::Rng::with_seed(3);
    let alphabet = ['.', '.', '/', '\\', ' ', ':', '\0', 'a', 'ć', '~', '*', '\u{202e}'];
    for _ in 0..5000 {
        let name: String = (0..random.usize(..400)).map(|_| *random.choice(&alphabet).unwrap()).collect();
        for template in ["out/{name}", "out/{name}.json", "out/{name}{name}"] {
            let path = PathBuf::from(path(template, 0, Some(&name)).unwrap());
            let components: Vec<_> = path.components().collect();
            assert_eq!(components.len(), 2, "{path:?}");
            assert!(matches!(components.last(), Some(std::path::Component::Normal(_))), "{path:?}");
            assert!(path.file_name().unwrap().len() <= MAX_NAME, "{path:?}");
        }
    }
}

#[test]
fn a_name_is_shortened_to_the_rest_of_its_component() {
    let long = "x".repeat(300);
    assert_eq!(path("out/{name}", 0, Some(&long)).unwrap(), format!("out/{}", "x".repeat(255)));
    assert_eq!(path("{name}.json", 0, Some(&long)).unwrap(), format!("{}.json", "x".repeat(250)));
    assert_eq!(path("{name}{name}", 0, Some(&long)).unwrap(), "x".repeat(254));
    assert_eq!(path("{name}.json", 0, Some(&"ć".repeat(300))).unwrap(), format!("{}.json", "ć".repeat(125)));
    assert_eq!(path(&format!("{}{{name}}", "l".repeat(300)), 0, Some("n")).unwrap(), "l".repeat(300));
}
