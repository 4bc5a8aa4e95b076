//! `/redirect/{n}`, `/redirect-to` and `/redirect-loop`.

use super::answer::{Answer, Reply};
use super::dispatch::Ask;
use super::echo;

/// `n` relative redirects that end at `/echo`.
pub(super) fn chain(ask: &Ask<'_>) -> Result<Answer, String> {
    let query = if ask.head.query.is_empty() { String::new() } else { format!("?{}", ask.head.query) };
    match ask.argument(1)? {
        0 => Ok(echo::echo(ask).into()),
        1 => to_location(ask, "/echo"),
        n => to_location(ask, &format!("/redirect/{}{query}", n - 1)),
    }
}

/// A redirect to any URL, also one of another origin.
pub(super) fn to(ask: &Ask<'_>) -> Result<Answer, String> {
    let url = ask.head.param("url").ok_or("the parameter url is missing")?;
    to_location(ask, &url)
}

/// A redirect with the status of `code=` (302).
pub(super) fn to_location(ask: &Ask<'_>, location: &str) -> Result<Answer, String> {
    let code = ask.head.number("code", 302)?;
    let code = u16::try_from(code).ok().filter(|code| (300..400).contains(code));
    let code = code.ok_or("code must be from 300 to 399")?;
    Ok(Reply::bare(code).with_header("location", location).into())
}
