//! JSON Pointers (RFC 6901): `/resultSets/0/rowSet`.

/// The place of a value in a document, as a list of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// `""` is the whole document; otherwise each step follows a slash, with `~1` for a slash and `~0` for a tilde in a
    /// name. A step is a name in objects and an index, from 0, in arrays.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(steps) = text.strip_prefix('/') else {
            return Err(format!("{text:?} is not a JSON Pointer: it must be empty or start with '/'"));
        };
        let steps = steps.split('/').map(|step| {
            let valid = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            match valid {
                true => Ok(step.replace("~1", "/").replace("~0", "~")),
                false => Err(format!("{text:?} is not a JSON Pointer: '~' must be followed by 0 or 1")),
            }
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The member `name` of the object that this place is in; the root is in none.
    pub(super) fn beside(&self, name: &str) -> Option<Self> {
        let (_, parents) = self.steps.split_last()?;
        Some(Self { steps: parents.iter().cloned().chain([name.to_owned()]).collect() })
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.steps.iter().try_for_each(|step| write!(out, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

/// The step as an index of an array: a number without leading zeros.
pub(super) fn place(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    plain.then(|| step.parse().ok()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_examples() {
        let steps = |text: &str| Pointer::parse(text).unwrap().steps;
        assert!(steps("").is_empty());
        for (text, step) in
            [("/", ""), ("/a~1b", "a/b"), ("/m~0n", "m~n"), ("/~01", "~1"), ("/ ", " "), ("/k\"l", "k\"l")]
        {
            assert_eq!(steps(text), [step]);
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(steps("/foo/0"), ["foo", "0"]);
    }

    #[test]
    fn a_bad_one_is_named() {
        for text in ["a", "a/b", "#/a", "/~", "/~2", "/a~", "/~~0"] {
            assert!(Pointer::parse(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn places() {
        assert_eq!((place("0"), place("10")), (Some(0), Some(10)));
        for step in ["", "-", "01", "+1", "1a", "99999999999999999999999"] {
            assert_eq!(place(step), None, "{step}");
        }
    }

    #[test]
    fn neighbours() {
        assert_eq!(Pointer::parse("/a/b").unwrap().beside("c"), Some(Pointer::parse("/a/c").unwrap()));
        assert_eq!(Pointer::default().beside("c"), None);
    }
}
