"""The same requests with aiohttp and with Shoal, to the same server, must have the same outcome."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("brotli")

from parity import Case, echoed, length, pairs, sent_cookies, target, with_aiohttp, with_shoal

pytestmark = pytest.mark.usefixtures("transport")

REASON_OF_STATUS = "Shoal's reason is the standard phrase of the status: HTTP/2 and 3 have no other"
NO_EMPTY_BODY = "a method that needs no body says nothing of one"
NO_TYPE_OF_NOTHING = "what is not there has no type"
TYPE_OF_A_LOST_BODY = "when a redirect drops the body, the headers that describe it go too"
AS_WRITTEN = "a URL that is valid is sent as it is written; yarl decodes and encodes it again"
CUT_SHORT = "half of a document is an error; aiohttp returns it as if it were the whole"
QUOTES_KEPT = "a cookie's value is what the server sent, quotes included (RFC 6265)"
NO_HOP = "a response that leads nowhere is the result, not a part of its own history"
FRAGMENT_KEPT = "the fragment stays with the URL, as in requests and httpx: it is part of what answered"

STATUSES = (200, 201, 202, 203, 206, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 418)
STATUSES += (421, 422, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507, 508, 511)
REDIRECTS = (301, 302, 303, 307, 308)
# Names of encodings that mean the same to Python and to the WHATWG Encoding Standard.
CHARSETS = ("utf-8", "iso-8859-2", "windows-1252", "windows-1251", "koi8-r", "shift_jis", "euc-jp", "euc-kr", "gb18030")

CASES = [
    *(Case(f"status {code}", f"/status/{code}") for code in STATUSES),
    *(Case(f"interim {code}", f"/status/{code}") for code in (100, 102, 103)),
    Case("unknown status", "/status/299", differs={"reason": REASON_OF_STATUS}),
    Case("highest status", "/status/999", differs={"reason": REASON_OF_STATUS}),
    Case("204 by route", "/empty"),
    Case("204 by status", "/status/204"),
    Case("205", "/status/205"),
    Case("304 unasked", "/status/304"),
    Case("unknown route", "/nothing/here"),
    # Bodies and their framing.
    *(Case(f"{n} bytes", f"/bytes/{n}") for n in (0, 1, 100, 65_536, 3_000_000)),
    *(Case(f"{n} bytes in chunks", f"/chunked/{n}") for n in (0, 1, 100, 300_000)),
    Case("chunks with trailers", "/chunked/1000?trailers=1"),
    Case("up to the end of the connection", "/http10"),
    Case("connection: close", "/close"),
    Case("JSON", "/json/1000?i=3", view=json.loads),
    Case("server-sent events", "/sse?n=5"),
    Case("slow first byte", "/delay/50?n=100"),
    Case("dripped", "/fault/drip?n=20&interval_ms=5"),
    # HEAD.
    *(
        Case(f"HEAD {path}", path, "HEAD")
        for path in ("/bytes/1000", "/json/111", "/chunked/100", "/status/404", "/empty", "/http10")
    ),
    *(Case(f"HEAD /{coding}", f"/{coding}/2000", "HEAD") for coding in ("gzip", "br", "zstd", "deflate")),
    # Methods and request bodies.
    *(Case(method, "/echo", method, view=echoed) for method in ("GET", "OPTIONS")),
    *(Case(method, "/echo", method, view=echoed, differs={"body": NO_EMPTY_BODY}) for method in ("DELETE", "PURGE")),
    *(
        Case(
            f"{method} with content",
            "/echo",
            method,
            content=b"\x00\xffbytes",
            options={"headers": {"Content-Type": "application/x-test"}},
            view=echoed,
        )
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ),
    Case("POST empty", "/echo", "POST", view=echoed, differs={"body": NO_TYPE_OF_NOTHING}),
    Case("PUT empty", "/echo", "PUT", view=echoed, differs={"body": NO_TYPE_OF_NOTHING}),
    Case("POST form", "/echo", "POST", options={"data": {"a": "1", "b": "ü &=+"}}, view=echoed),
    Case(
        "POST json",
        "/echo",
        "POST",
        options={"json": {"a": [1, 2.5, None, True], "b": "plain"}},
        view=lambda body: json.loads(json.loads(body)["body"]),
    ),
    Case("POST json's type", "/echo", "POST", options={"json": [1]}, view=echoed),
    Case("POST large", "/upload", "POST", content=bytes(range(256)) * 4000),
    # Headers.
    Case("own headers", "/echo", options={"headers": {"X-One": "1", "x-two": "a, b"}}, view=echoed),
    Case("empty header", "/echo", options={"headers": {"X-Empty": ""}}, view=echoed),
    Case("header of UTF-8", "/echo", options={"headers": {"X-Word": "Größe"}}, view=echoed),
    Case("repeated response headers", "/response-headers?X-A=1&X-A=2&x-a=3&X-B=b"),
    Case("empty response header", "/response-headers?X-A="),
    Case("long response header", f"/response-headers?X-Long={'v' * 6000}"),
    Case("response header of UTF-8", "/response-headers?X-Word=Gr%C3%B6%C3%9Fe"),
    Case("bearer token", "/bearer?token=t", options={"headers": {"Authorization": "Bearer t"}}),
    Case("bearer token missing", "/bearer"),
    Case("wrong password", "/basic-auth/user/right"),
    # Queries and paths.
    Case("params", "/echo", options={"params": {"a": "1", "b": "x y"}}, view=target),
    Case("params of numbers", "/echo", options={"params": {"a": 1, "b": 2.5}}, view=target),
    Case("params of one name", "/echo", options={"params": [("a", "1"), ("a", "2")]}, view=target),
    Case("params and a query", "/echo?z=0", options={"params": {"a": "1"}}, view=target),
    Case(
        "params to encode",
        "/echo",
        options={"params": {"q": "a&b=c+d%20é/?'~*"}},
        view=pairs,
        differs={"url": "encoded as a form is, by the rules of browsers; yarl leaves more marks as they are"},
    ),
    Case("params, none", "/echo?x=1", options={"params": {}}, view=target),
    Case("a query as written", "/echo?b=%20x&a=1+2&&c", view=pairs),
    Case("space in the path", "/echo/a b", view=target),
    Case("letters in the path", "/echo/größe/日本", view=target),
    Case("encoded slash", "/echo/a%2Fb", view=target),
    Case("encoded space", "/echo/a%20b", view=target),
    Case("dots in the path", "/echo/a/../b/./c", view=target),
    Case("double slash", "/echo//a", view=target),
    Case("percent sign", "/echo/100%25", view=target),
    Case("marks in the path", "/echo/(a)!$&'*+,;=:@~-._", view=target),
    Case("fragment is not sent", "/echo?a=1#part", view=target, differs={"url": FRAGMENT_KEPT}),
    # Content codings.
    *(Case(f"{coding} {n}", f"/{coding}/{n}") for coding in ("gzip", "br", "zstd", "deflate") for n in (100, 200_000)),
    Case("raw deflate", "/deflate/5000?raw=1"),
    Case("corrupt gzip", "/fault/corrupt-gzip"),
    Case("truncated gzip", "/fault/truncated-gzip", differs={"error": CUT_SHORT}),
    # Redirects.
    *(
        Case(f"{code} {method}", f"/redirect/1?code={code}", method, view=length if method == "HEAD" else echoed)
        for code in REDIRECTS
        for method in ("GET", "HEAD")
    ),
    Case("303 DELETE", "/redirect/1?code=303", "DELETE", view=echoed),
    *(
        Case(f"{code} DELETE", f"/redirect/1?code={code}", "DELETE", view=echoed, differs={"body": NO_EMPTY_BODY})
        for code in (301, 302, 307, 308)
    ),
    *(
        Case(
            f"{code} {method} with content",
            f"/redirect/2?code={code}",
            method,
            content=b"a body",
            options={"headers": {"Content-Type": "text/x-test", "X-Kept": "yes"}},
            view=echoed,
            differs={"body": TYPE_OF_A_LOST_BODY} if code == 303 or (method == "POST" and code < 303) else {},
        )
        for code in REDIRECTS
        for method in ("POST", "PUT", "PATCH")
    ),
    *(Case(f"{code} not followed", f"/redirect/1?code={code}", follow=False) for code in REDIRECTS),
    Case("chain", "/redirect/7", view=echoed),
    Case("exactly the limit", "/redirect/5", max_redirects=5, view=echoed),
    Case("one more than the limit", "/redirect/6", max_redirects=5),
    Case("loop", "/redirect-loop", max_redirects=4),
    Case("redirect to an error", "/redirect-to?url=/status/503"),
    Case(
        "redirect with a query",
        "/redirect-to?url=/echo%3Fa%3D1%2B1",
        view=target,
        differs={"history": AS_WRITTEN},
    ),
    Case("redirect to a path beside", "/redirect-to?url=echo/there", view=target),
    Case(
        "redirect to a query",
        "/redirect-to?url=%3Furl%3D/echo",
        view=target,
        differs={"history": AS_WRITTEN},
    ),
    Case("redirect without scheme", "/redirect-to?url=//{host}/echo", view=target),
    Case("redirect to letters", "/redirect-to?url=/echo/gr%C3%B6%C3%9Fe", view=target),
    Case("300 is no redirect", "/redirect-to?url=/echo&code=300"),
    Case("304 is no redirect", "/redirect-to?url=/echo&code=304"),
    Case("redirect without Location", "/status/302", differs={"history": NO_HOP}),
    # Cookies.
    Case("a cookie", "/cookies/set?a=1"),
    Case("several cookies", "/cookies/set?a=1&b=two&c=x%3Dy"),
    Case("a quoted cookie", "/cookies/set?a=%22q%22", differs={"cookies": QUOTES_KEPT}),
    Case("a quoted cookie comes back", "/cookies", before=("/cookies/set?a=%22q%22",), view=sent_cookies),
    Case("cookies come back", "/cookies", before=("/cookies/set?a=1&b=2",), view=sent_cookies),
    Case("cookies are replaced", "/cookies", before=("/cookies/set?a=1", "/cookies/set?a=2"), view=sent_cookies),
    Case(
        "cookies are deleted",
        "/cookies",
        before=("/cookies/set?a=1&b=2", "/cookies/set?a=x&attributes=Max-Age%3D0;Path%3D/"),
        view=sent_cookies,
    ),
    Case(
        "cookies of a path",
        "/cookies",
        before=("/cookies/set?a=1&attributes=Path%3D/echo", "/cookies/set?b=2&attributes=Path%3D/cookies"),
        view=sent_cookies,
    ),
    Case(
        "a secure cookie without TLS",
        "/cookies",
        before=("/cookies/set?a=1&attributes=Path%3D/;Secure",),
        view=sent_cookies,
        differs={"body": "loopback counts as secure, as in browsers"},
    ),
    Case(
        "cookies of another domain",
        "/cookies",
        before=("/cookies/set?a=1&attributes=Domain%3Dexample.org",),
        view=sent_cookies,
    ),
    Case("cookies over a redirect", "/cookies/set?a=1&redirect=/cookies", view=sent_cookies),
    # Conditional and partial requests.
    Case("etag", "/etag"),
    Case("etag not modified", "/etag", options={"headers": {"If-None-Match": "*"}}),
    Case("range", "/range/1000", options={"headers": {"Range": "bytes=10-19"}}),
    Case("range of the end", "/range/1000", options={"headers": {"Range": "bytes=-5"}}),
    Case("range too far", "/range/1000", options={"headers": {"Range": "bytes=5000-"}}),
    # Text.
    *(Case(f"text in {name}", f"/charset?name={name}") for name in CHARSETS),
    Case("text without a charset", "/charset?declare=0"),
    Case("text of bytes", "/bytes/300"),
    # Failures.
    Case("reset", "/fault/reset"),
    Case("truncated", "/fault/truncate"),
    Case("no HTTP at all", "/fault/bad-head"),
    Case("bad chunk", "/fault/bad-chunk"),
    Case("bad length", "/fault/bad-length"),
    Case("stalled", "/fault/stall", timeout=0.3),
    Case("too late", "/delay/5000", timeout=0.2),
    Case("no such scheme", "gopher://127.0.0.1/"),
    Case("no host", "http:///path"),
    Case("one slash", "http:/path"),
    Case("nothing behind the scheme", "http://"),
    Case("no URL", "nothing"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_shoal_equals_aiohttp(server, case):
    theirs, ours = with_aiohttp(server.base_url, case), with_shoal(server.base_url, case)
    for aspect, reason in case.differs.items():
        assert ours.get(aspect) != theirs.get(aspect), f"{aspect} no longer differs: {reason}"
    kept = set() if "error" in case.differs else (ours.keys() | theirs.keys()) - case.differs.keys()
    assert {key: ours.get(key) for key in kept} == {key: theirs.get(key) for key in kept}


def test_the_table_has_many_cases():
    assert len({case.name for case in CASES}) == len(CASES) >= 60
