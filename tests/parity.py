"""Cases of `test_parity.py`, and their execution by Shoal and by aiohttp."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

import shoal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT = 10.0
# Headers that each client chooses itself, so responses must not depend on them.
OWN_HEADERS = {"accept", "accept-encoding", "user-agent", "host", "connection"}


@dataclass(frozen=True)
class Case:
    """One request, after the requests of `before` on the same client."""

    name: str
    path: str
    method: str = "GET"
    # Keywords with the same meaning in both clients: headers, params, json, data (a form).
    options: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    follow: bool = True
    max_redirects: int = 10
    timeout: float = TIMEOUT
    # Paths to fetch first, with the same client.
    before: tuple[str, ...] = ()
    # The part of the body to compare; by default all of it.
    view: Callable[[bytes], object] = bytes
    # Aspects in which Shoal differs on purpose, with the reason; "error" if only one of the clients fails.
    differs: Mapping[str, str] = field(default_factory=dict)


def echoed(body: bytes) -> object:
    """The request as the server received it, without the headers of `OWN_HEADERS`."""
    seen = json.loads(body)
    headers = sorted((name.lower(), value) for name, value in seen["headers"] if name.lower() not in OWN_HEADERS)
    return {key: seen[key] for key in ("method", "path", "query", "body", "body_base64")} | {"headers": headers}


def target(body: bytes) -> object:
    """The path and query as sent."""
    seen = json.loads(body)
    return seen["raw_path"], seen["raw_query"]


def pairs(body: bytes) -> object:
    """The query as parsed by the server."""
    return json.loads(body)["query"]


def sent_cookies(body: bytes) -> object:
    """The cookies that the server received."""
    return json.loads(body)["cookies"]


def length(body: bytes) -> object:
    """Only the length, for HEAD of a document that repeats the client's request."""
    return len(body)


Outcome = dict[str, object]


def outcome(case: Case, **aspects: Any) -> Outcome:
    """The aspects to compare, without text and length if the document repeats the client's request."""
    if case.view is not bytes:
        aspects.pop("text")
        aspects["headers"] = [item for item in aspects["headers"] if item[0] != "content-length"]
    return aspects


def with_aiohttp(base_url: str, case: Case) -> Outcome:
    """The outcome with aiohttp."""
    return asyncio.run(_with_aiohttp(base_url, case))


async def _with_aiohttp(base_url: str, case: Case) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=case.timeout)
    # The default cookie jar of aiohttp ignores cookies from IP addresses.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
        for path in case.before:
            async with session.get(_url(base_url, path)) as response:
                await response.read()
        options = dict(case.options)
        if case.content is not None:
            options["data"] = case.content
        # aiohttp fails when the limit is reached, Shoal when it is exceeded.
        limit = case.max_redirects + 1
        try:
            async with session.request(
                case.method, _url(base_url, case.path), allow_redirects=case.follow, max_redirects=limit, **options
            ) as response:
                body = await response.read()
                return outcome(
                    case,
                    status=response.status,
                    reason=response.reason,
                    headers=_sorted(response.headers.items()),
                    body=case.view(body),
                    url=str(response.url),
                    history=[(past.status, str(past.url)) for past in response.history],
                    cookies={name: morsel.value for name, morsel in response.cookies.items()},
                    text=_text(body, response.charset),
                )
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            return {"error": _aiohttp_error(error)}


def _text(body: bytes, charset: str | None) -> str:
    """Like aiohttp's `text()`, but invalid bytes are replaced instead of raising."""
    return body.decode(charset or "utf-8", "replace")


def _aiohttp_error(error: Exception) -> str:
    table: tuple[tuple[type[Exception], str], ...] = (
        (aiohttp.TooManyRedirects, "redirects"),
        (aiohttp.InvalidURL, "url"),
        (aiohttp.NonHttpUrlClientError, "url"),
        (asyncio.TimeoutError, "timeout"),
        (aiohttp.ClientSSLError, "tls"),
        (aiohttp.ClientConnectorDNSError, "dns"),
        (aiohttp.ClientConnectorError, "connect"),
        (aiohttp.ClientPayloadError, "body"),
        (aiohttp.ClientResponseError, "protocol"),
        (aiohttp.ClientConnectionError, "lost"),
        (ValueError, "url"),
    )
    return next(name for kind, name in table if isinstance(error, kind))


def with_shoal(base_url: str, case: Case) -> Outcome:
    """The outcome with Shoal."""
    with shoal.Client(timeout=case.timeout, follow_redirects=case.follow, max_redirects=case.max_redirects) as client:
        for path in case.before:
            client.get(_url(base_url, path)).result()
        options = dict(case.options)
        if case.content is not None:
            options["content"] = case.content
        try:
            response = client.request(case.method, _url(base_url, case.path), **options).result()
        except shoal.FetchError as error:
            return {"error": _shoal_error(error)}
        return outcome(
            case,
            status=response.status_code,
            reason=response.reason,
            headers=_sorted(response.headers.multi_items()),
            body=case.view(response.content),
            url=str(response.url),
            history=[(past.status_code, str(past.url)) for past in response.history],
            cookies=dict(response.cookies),
            text=response.text,
        )


def _shoal_error(error: shoal.FetchError) -> str:
    table: tuple[tuple[type[Exception], str], ...] = (
        (shoal.TooManyRedirects, "redirects"),
        (shoal.InvalidURL, "url"),
        (shoal.TimeoutException, "timeout"),
        (shoal.TLSError, "tls"),
        (shoal.DNSError, "dns"),
        (shoal.ConnectError, "connect"),
        (shoal.ProtocolError, "protocol"),
        (shoal.IncompleteBody, "body"),
        (shoal.DecodingError, "body"),
        (shoal.NetworkError, "lost"),
    )
    return next((name for kind, name in table if isinstance(error, kind)), type(error).__name__)


def _url(base_url: str, path: str) -> str:
    if not path.startswith("/"):
        return path
    return base_url + path.replace("{host}", base_url.partition("://")[2])


def _sorted(headers: Any) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers)
