"""The machinery of `test_parity.py`: what a case is, and how each of the two clients carries it out."""

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
# A server's answer must not depend on these, which every client chooses for itself.
OWN_HEADERS = {"accept", "accept-encoding", "user-agent", "host", "connection"}


@dataclass(frozen=True)
class Case:
    """One request, or the last one after some others on the same client."""

    name: str
    path: str
    method: str = "GET"
    # Keywords that mean the same to both: headers, params, json, data (a form).
    options: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    follow: bool = True
    max_redirects: int = 10
    timeout: float = TIMEOUT
    # Paths to get before, with the same client.
    before: tuple[str, ...] = ()
    # What of the body is compared; all of it if nothing is said.
    view: Callable[[bytes], object] = bytes
    # Aspects in which Shoal differs on purpose, and why; "error" where only one of the two fails.
    differs: Mapping[str, str] = field(default_factory=dict)


def echoed(body: bytes) -> object:
    """What the server saw, without what each client says in its own words."""
    seen = json.loads(body)
    headers = sorted((name.lower(), value) for name, value in seen["headers"] if name.lower() not in OWN_HEADERS)
    return {key: seen[key] for key in ("method", "path", "query", "body", "body_base64")} | {"headers": headers}


def target(body: bytes) -> object:
    """The path and query as they went over the wire."""
    seen = json.loads(body)
    return seen["raw_path"], seen["raw_query"]


def pairs(body: bytes) -> object:
    """The query as the server understood it."""
    return json.loads(body)["query"]


def sent_cookies(body: bytes) -> object:
    """The cookies the server saw."""
    return json.loads(body)["cookies"]


def length(body: bytes) -> object:
    """Only how long it is: for the head of a document that tells what each client sent."""
    return len(body)


Outcome = dict[str, object]


def outcome(case: Case, **aspects: Any) -> Outcome:
    """What is compared. A document that quotes the client has a text and a length of its own with each."""
    if case.view is not bytes:
        aspects.pop("text")
        aspects["headers"] = [item for item in aspects["headers"] if item[0] != "content-length"]
    return aspects


def with_aiohttp(base_url: str, case: Case) -> Outcome:
    """What aiohttp makes of it."""
    return asyncio.run(_with_aiohttp(base_url, case))


async def _with_aiohttp(base_url: str, case: Case) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=case.timeout)
    # The server has no name, only an address, and aiohttp's own jar takes no cookie from those.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
        for path in case.before:
            async with session.get(_url(base_url, path)) as response:
                await response.read()
        options = dict(case.options)
        if case.content is not None:
            options["data"] = case.content
        # aiohttp refuses at its limit, Shoal above it.
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
    """aiohttp's text() with the replacement of what cannot be decoded, where it would raise."""
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
    """What Shoal makes of it."""
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
