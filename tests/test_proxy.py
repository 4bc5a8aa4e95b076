"""Proxies from the environment. Each test runs in a new interpreter, because clients read the environment once."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("trustme")

from servers.base import refusing
from servers.origin import Origin, redirect
from servers.proxy import Proxy
from servers.scripted import CLOSE, HANG, READ, Scripted
from servers.tls import Certificates

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method")

# Prints the body, or the class and phase of the error.
FETCH = """
import sys, shoal
url, ca, options = sys.argv[1], sys.argv[2], eval(sys.argv[3])
with shoal.Client(verify=ca or True, **options) as client:
    try:
        response = client.get(url).result()
        print(response.status_code, response.text)
    except shoal.FetchError as error:
        print(type(error).__name__, error.phase)
        print(error)
"""


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


@pytest.fixture(scope="module")
def ca(certificates, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    return path


@pytest.fixture
def origin():
    with Origin() as origin:
        yield origin


@pytest.fixture
def secure(certificates):
    with Origin(tls=certificates.good) as secure:
        yield secure


@pytest.fixture
def proxy():
    with Proxy() as proxy:
        yield proxy


@pytest.fixture
def fetch(python, ca):
    def run(url, options=None, **variables):
        environment = {name: value for name, value in os.environ.items() if name.lower() not in NAMES}
        done = python(FETCH, url, ca, repr(options or {}), env=environment | variables)
        assert done.stderr == ""
        return done.stdout.strip()

    return run


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_plain_http_is_forwarded(fetch, origin, proxy, name):
    assert fetch(f"{origin.url}/a?b=c", **{name: proxy.url}) == "200 here"
    assert proxy.forwarded == [f"{origin.url}/a?b=c"]
    assert origin.got("/a").get("via") == "1.1 tests"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_a_tunnel(fetch, secure, proxy, name):
    assert fetch(f"{secure.url}/a", **{name: proxy.url}) == "200 here"
    assert proxy.tunnels == [secure.url.removeprefix("https://")]
    assert secure.got("/a").get("via") is None


def test_each_scheme_has_its_own_proxy(fetch, origin, secure, proxy):
    with Proxy() as other:
        assert fetch(origin.url, HTTP_PROXY=proxy.url, HTTPS_PROXY=other.url) == "200 here"
        assert fetch(secure.url, HTTP_PROXY=proxy.url, HTTPS_PROXY=other.url) == "200 here"
        assert (len(proxy.requests), len(other.requests)) == (1, 1)
        assert fetch(origin.url, HTTPS_PROXY=other.url) == "200 here"
        assert len(other.requests) == 1


def test_a_proxy_without_scheme_is_http(fetch, origin, proxy):
    assert fetch(origin.url, HTTP_PROXY=proxy.url.removeprefix("http://")) == "200 here"
    assert len(proxy.forwarded) == 1


def test_the_proxy_resolves_host_names(fetch, origin, proxy):
    url = origin.url.replace("127.0.0.1", "inner.example")
    assert fetch(url, HTTP_PROXY=proxy.url) == "200 here"
    assert proxy.forwarded == [url + "/"]


@pytest.mark.parametrize("value", ["127.0.0.1", "127.0.0.0/8", "*", "example.org, 127.0.0.1"])
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy(fetch, origin, proxy, name, value):
    assert fetch(origin.url, HTTP_PROXY=proxy.url, **{name: value}) == "200 here"
    assert proxy.connections == []


@pytest.mark.parametrize(
    ("value", "host"),
    [("localhost", "localhost"), (".localhost", "inner.localhost"), ("localhost", "inner.localhost")],
)
def test_no_proxy_by_name(fetch, origin, proxy, value, host):
    outcome = fetch(origin.url.replace("127.0.0.1", host), HTTP_PROXY=proxy.url, NO_PROXY=value)
    # Whether the name resolves depends on the machine; the proxy must get no connection.
    assert outcome == "200 here" or "DNSError" in outcome
    assert proxy.connections == []


@pytest.mark.parametrize(
    ("value", "host"), [("localhost", "notlocalhost"), ("example.org", "127.0.0.1"), ("", "127.0.0.1")]
)
def test_no_proxy_does_not_match_other_hosts(fetch, origin, proxy, value, host):
    assert fetch(origin.url.replace("127.0.0.1", host), HTTP_PROXY=proxy.url, NO_PROXY=value) == "200 here"
    assert len(proxy.forwarded) == 1


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("localhost:{port}", "localhost"),
        ("127.0.0.1:{port}", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("::1", "[::1]"),
        ("[::1]:{port}", "[::1]"),
        ("::/0", "[::1]"),
        ("LOCALHOST", "localhost"),
        ("*.localhost", "inner.localhost"),
        ("localhost.", "localhost"),
        ("a.example b.example\t127.0.0.1", "127.0.0.1"),
        ("a.example,*", "127.0.0.1"),
    ],
)
def test_no_proxy_in_other_forms(fetch, origin, proxy, value, host):
    url = origin.url.replace("127.0.0.1", host)
    outcome = fetch(url, HTTP_PROXY=proxy.url, NO_PROXY=value.format(port=origin.port))
    # No server listens on ::1; the proxy must get no connection.
    assert outcome == "200 here" or outcome.startswith(("DNSError", "ConnectError"))
    assert proxy.connections == []


@pytest.mark.parametrize("value", ["localhost:1", "127.0.0.1:1", "[::1]", "127.0.0.0/33", "127.0.0.1:x", ","])
def test_other_forms_of_no_proxy_do_not_match_other_hosts(fetch, origin, proxy, value):
    assert fetch(origin.url, HTTP_PROXY=proxy.url, NO_PROXY=value) == "200 here"
    assert len(proxy.forwarded) == 1


def test_lower_case_variables_take_precedence(fetch, origin, proxy):
    with refusing() as refusing_url:
        assert fetch(origin.url, HTTP_PROXY=refusing_url, http_proxy=proxy.url) == "200 here"
        assert len(proxy.forwarded) == 1
        assert fetch(origin.url, HTTP_PROXY=refusing_url, http_proxy="") == "200 here"
        assert len(proxy.forwarded) == 1


# An invalid proxy is an error; requests never bypass it.


@pytest.mark.parametrize(
    "value",
    [
        " ",
        "http://127.0.0.1 :1",
        '"http://127.0.0.1:1"',
        "'127.0.0.1:1'",
        "http//127.0.0.1:1",
        "http:/127.0.0.1:1",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://",
        "socks5://127.0.0.1:1",
        "ftp://user:very-secret@127.0.0.1",
        "http://user:very-secret@127.0.0.1 :1",
        "http://user:very-secr/et@127.0.0.1:1",
    ],
)
def test_an_invalid_proxy_is_an_error(fetch, origin, secure, value):
    for name, url in (("HTTP_PROXY", origin.url), ("https_proxy", secure.url), ("ALL_PROXY", origin.url)):
        outcome = fetch(url, {"retry": 5}, **{name: value})
        assert outcome.startswith("InvalidURL queue\n"), outcome
        assert f"GET {url}/: {name}=" in outcome
        assert "very-" not in outcome
    assert origin.connections == secure.connections == []


def test_an_invalid_proxy_affects_only_requests_that_would_use_it(fetch, origin, secure):
    assert fetch(secure.url, HTTP_PROXY="http://[::1") == "200 here"
    assert fetch(origin.url, HTTP_PROXY="http://[::1", NO_PROXY="127.0.0.1") == "200 here"
    assert fetch(origin.url, {"trust_env": False}, HTTP_PROXY="http://[::1") == "200 here"


def test_a_long_url_does_not_bypass_the_proxy(fetch, origin, proxy):
    origin.routes["/go"] = redirect("/there?" + "x" * 66_000)
    assert fetch(f"{origin.url}/go", HTTP_PROXY=proxy.url) == "200 here"
    assert [request.get("via") for request in origin.requests] == ["1.1 tests"] * 2


def test_a_long_fragment_is_not_sent(fetch, origin, proxy):
    origin.routes["/go"] = redirect("/there#" + "x" * 66_000)
    assert fetch(f"{origin.url}/go#{'y' * 66_000}", HTTP_PROXY=proxy.url) == "200 here"
    assert proxy.forwarded == [f"{origin.url}/go", f"{origin.url}/there"]


def test_trust_env_false_ignores_the_environment(fetch, origin, proxy):
    assert fetch(origin.url, {"trust_env": False}, HTTP_PROXY=proxy.url) == "200 here"
    assert proxy.connections == []


def test_http_proxy_is_ignored_in_cgi_programs(fetch, origin, proxy):
    # A web server passes a request's `Proxy` header to its CGI programs as HTTP_PROXY (CVE-2016-5385).
    assert fetch(origin.url, HTTP_PROXY=proxy.url, REQUEST_METHOD="GET") == "200 here"
    assert proxy.connections == []


def test_a_redirect_to_another_scheme_uses_its_proxy(fetch, secure, proxy):
    with Origin({"/go": redirect(f"{secure.url}/there")}) as origin:
        assert fetch(f"{origin.url}/go", HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url) == "200 here"
    assert proxy.forwarded == [f"{origin.url}/go"]
    assert proxy.tunnels == [secure.url.removeprefix("https://")]


def test_a_batch_uses_the_proxy(python, origin, proxy):
    code = "import sys, shoal; print(len(shoal.gather_fetch([sys.argv[1] + str(i) for i in range(20)]).result()))"
    done = python(code, f"{origin.url}/", env={**os.environ, "HTTP_PROXY": proxy.url, "NO_PROXY": "", "no_proxy": ""})
    assert (done.stdout, done.stderr) == ("20\n", "")
    assert len(proxy.forwarded) == 20


# Passwords.


def with_password(proxy, user="user", password="p%40ss"):
    return proxy.url.replace("http://", f"http://{user}:{password}@")


def test_the_password_is_sent_for_plain_http(fetch, origin):
    with Proxy("user", "p@ss") as proxy:
        assert fetch(f"{origin.url}/a", HTTP_PROXY=with_password(proxy)) == "200 here"
        assert proxy.refused == 0
    assert origin.got("/a").get("proxy-authorization") is None


def test_the_password_is_sent_for_tunnels(fetch, secure):
    with Proxy("user", "p@ss") as proxy:
        assert fetch(f"{secure.url}/a", HTTPS_PROXY=with_password(proxy)) == "200 here"
        assert proxy.refused == 0
    assert secure.got("/a").get("proxy-authorization") is None


def test_a_wrong_password_for_plain_http_returns_the_proxys_407(fetch, origin):
    with Proxy("user", "p@ss") as proxy:
        assert fetch(origin.url, HTTP_PROXY=with_password(proxy, password="wrong")) == "407"
    assert origin.requests == []


def test_a_wrong_password_for_tunnels_is_a_proxy_error(fetch, secure):
    with Proxy("user", "p@ss") as proxy:
        kind, message = fetch(secure.url, HTTPS_PROXY=with_password(proxy, password="very-secret")).split("\n", 1)
    assert kind == "ProxyError connect"
    assert "very-secret" not in message
    assert f"GET {secure.url}/" in message
    assert secure.connections == []


# Proxies that fail.


def test_a_proxy_that_refuses_connections(fetch, origin, secure):
    with refusing() as refusing_url:
        for url in (origin.url, secure.url):
            outcome = fetch(url, ALL_PROXY=refusing_url)
            assert outcome.startswith("ProxyError connect\n")
            assert f"GET {url}/" in outcome
    assert origin.connections == secure.connections == []


@pytest.mark.parametrize("status", ["403 Forbidden", "502 Bad Gateway", "200 OK but\r\nTransfer-Encoding: nonsense"])
def test_a_refused_tunnel_is_an_error(fetch, secure, status):
    with Proxy(answer=f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        outcome = fetch(secure.url, HTTPS_PROXY=proxy.url)
    assert outcome.startswith(("ProxyError connect\n", "TLSError connect\n", "ConnectError connect\n"))
    if not status.startswith("200"):
        assert outcome.startswith("ProxyError")
    assert secure.connections == []


def test_a_refused_plain_http_request_returns_the_proxys_response(fetch, origin):
    with Proxy(answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno") as proxy:
        assert fetch(origin.url, HTTP_PROXY=proxy.url) == "403 no"


def test_a_proxy_that_does_not_speak_http(fetch, secure):
    with Proxy(answer=b"SSH-2.0-OpenSSH_9.9\r\n\r\n") as proxy:
        assert fetch(secure.url, HTTPS_PROXY=proxy.url).startswith("ProxyError connect\n")


def test_a_proxy_that_closes_after_connect(fetch, secure):
    with Scripted([READ, CLOSE]) as proxy:
        assert fetch(secure.url, HTTPS_PROXY=proxy.url).startswith("ProxyError connect\n")


def test_a_silent_proxy_is_a_timeout(fetch, secure):
    with Scripted([READ, HANG]) as proxy:
        assert fetch(secure.url, {"timeout": 0.3}, HTTPS_PROXY=proxy.url).startswith("TotalTimeout connect\n")


def test_a_bad_certificate_behind_a_tunnel_is_refused(fetch, certificates, proxy):
    with Origin(tls=certificates.expired) as expired:
        assert fetch(expired.url, HTTPS_PROXY=proxy.url).startswith("TLSError connect\n")
