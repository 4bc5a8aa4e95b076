//! `/basic-auth/{user}/{password}` and `/bearer`.

use super::answer::Reply;
use super::dispatch::Ask;
use super::head::decoded;
use super::json::{base64, push_string};

/// 200 with the right user and password, else 401.
pub(super) fn basic(ask: &Ask<'_>) -> Reply {
    let (user, password) = ask.rest.split_once('/').unwrap_or((ask.rest, ""));
    let (user, password) = (decoded(user), decoded(password));
    let wanted = base64(format!("{user}:{password}").as_bytes());
    match credentials(ask, "basic") {
        Some(given) if given == wanted => {
            let mut document = String::from("{\"authenticated\":true,\"user\":");
            push_string(&mut document, &user);
            document.push('}');
            Reply::json(document)
        }
        _ => Reply::error(401, "wrong or missing credentials")
            .with_header("www-authenticate", "Basic realm=\"shoal\", charset=\"UTF-8\""),
    }
}

/// 200 with any token (`?token=` for that one only), else 401.
pub(super) fn bearer(ask: &Ask<'_>) -> Reply {
    let wanted = ask.head.param("token");
    match credentials(ask, "bearer") {
        Some(token) if !token.is_empty() && wanted.is_none_or(|wanted| wanted == token) => {
            let mut document = String::from("{\"authenticated\":true,\"token\":");
            push_string(&mut document, &token);
            document.push('}');
            Reply::json(document)
        }
        _ => Reply::error(401, "wrong or missing token").with_header("www-authenticate", "Bearer realm=\"shoal\""),
    }
}

fn credentials(ask: &Ask<'_>, scheme: &str) -> Option<String> {
    let header = ask.head.header("authorization")?;
    let (given, rest) = header.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim().to_owned())
}
