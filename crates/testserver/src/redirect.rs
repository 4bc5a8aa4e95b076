//! `/redirect/{n}`, `/redirect-to` and `/redirect-loop`.

use crate::answer::{Answer, Reply};
use crate::context::Context;
use crate::echo;

/// `n` relative redirects to `/echo`.
pub(crate) fn chain(context: &Context<'_>) -> Result<Answer, String> {
    let query = if context.head.query.is_empty() { String::new() } else { format!("?{}", context.head.query) };
    match context.argument(1)? {
        0 => Ok(echo::echo(context).into()),
        1 => to_location(context, "/echo"),
        n => to_location(context, &format!("/redirect/{}{query}", n - 1)),
    }
}

/// A redirect to any URL, including other origins.
pub(crate) fn to(context: &Context<'_>) -> Result<Answer, String> {
    let url = context.head.param("url").ok_or("the parameter url is missing")?;
    to_location(context, &url)
}

/// A redirect with the status of `code=` (302).
pub(crate) fn to_location(context: &Context<'_>, location: &str) -> Result<Answer, String> {
    let code = context.head.number("code", 302)?;
    let code = u16::try_from(code).ok().filter(|code| (300..400).contains(code));
    let code = code.ok_or("code must be from 300 to 399")?;
    Ok(Reply::bare(code).with_header("location", location).into())
}
