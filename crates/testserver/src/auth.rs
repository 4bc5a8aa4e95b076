//! `/basic-auth/{user}/{password}` and `/bearer`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::answer::Reply;
use crate::context::Context;
use crate::head::decoded;
use crate::json::push_string;

/// 200 with the right user and password, otherwise 401.
pub(crate) fn basic(context: &Context<'_>) -> Reply {
    let (user, password) = context.rest.split_once('/').unwrap_or((context.rest, ""));
    let (user, password) = (decoded(user), decoded(password));
    let expected = STANDARD.encode(format!("{user}:{password}"));
    match credentials(context, "basic") {
        Some(given) if given == expected => {
            let mut document = String::from("{\"authenticated\":true,\"user\":");
            push_string(&mut document, &user);
            document.push('}');
            Reply::json(document)
        }
        _ => Reply::error(401, "wrong or missing credentials")
            .with_header("www-authenticate", "Basic realm=\"shoal\", charset=\"UTF-8\""),
    }
}

/// 200 with any token (with `?token=` only this one), otherwise 401.
pub(crate) fn bearer(context: &Context<'_>) -> Reply {
    let wanted = context.head.param("token");
    match credentials(context, "bearer") {
        Some(token) if !token.is_empty() && wanted.is_none_or(|wanted| wanted == token) => {
            let mut document = String::from("{\"authenticated\":true,\"token\":");
            push_string(&mut document, &token);
            document.push('}');
            Reply::json(document)
        }
        _ => Reply::error(401, "wrong or missing token").with_header("www-authenticate", "Bearer realm=\"shoal\""),
    }
}

fn credentials(context: &Context<'_>, scheme: &str) -> Option<String> {
    let header = context.head.header("authorization")?;
    let (given, rest) = header.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim().to_owned())
}
