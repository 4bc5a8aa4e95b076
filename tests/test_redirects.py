"""Redirects: which requests carry credentials, limits, history, and how locations are resolved."""

from __future__ import annotations

import pytest

pytest.importorskip("trustme")

import shoal
from servers.base import refusing
from servers.origin import Origin, Reply, redirect
from servers.scripted import HANG, READ, Scripted
from servers.tls import Certificates

pytestmark = pytest.mark.usefixtures("transport")

SECRETS = {
    "Authorization": "Bearer very-secret",
    "Cookie": "session=very-secret",
    "Proxy-Authorization": "Basic very-secret",
}


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


@pytest.fixture
def other():
    with Origin() as other:
        yield other


def values(request):
    return " ".join(value for _, value in request.headers)


# Credentials.


def test_secrets_stay_on_the_same_origin():
    with Origin({"/go": redirect("/there")}) as origin:
        shoal.Client().get(f"{origin.url}/go", headers=SECRETS | {"X-Plain": "1"}).result()
        there = origin.got("/there")
    assert there.get("authorization") == SECRETS["Authorization"]
    assert there.get("cookie") == SECRETS["Cookie"]
    assert there.get("x-plain") == "1"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_secrets_do_not_cross_to_another_port(other, code):
    with Origin({"/go": redirect(f"{other.url}/there", code)}) as origin:
        response = shoal.Client().get(f"{origin.url}/go", headers=SECRETS | {"X-Plain": "1"}).result()
        assert origin.got("/go").get("authorization") == SECRETS["Authorization"]
    assert response.url == f"{other.url}/there"
    there = other.got("/there")
    assert "very-secret" not in values(there)
    assert there.get("x-plain") == "1"


def test_secrets_do_not_cross_to_another_host(other):
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    with Origin({"/go": redirect(f"{elsewhere}/there")}) as origin:
        shoal.Client().get(f"{origin.url}/go", headers=SECRETS).result()
    there = other.got("/there")
    assert "very-secret" not in values(there)
    assert there.get("host") == elsewhere.removeprefix("http://")


def test_secrets_of_the_client_do_not_cross(other):
    with Origin({"/go": redirect(f"{other.url}/there")}) as origin:
        with shoal.Client(headers={"Authorization": "Bearer very-secret"}) as client:
            client.get(f"{origin.url}/go").result()
        assert origin.got("/go").get("authorization") == "Bearer very-secret"
    assert other.got("/there").get("authorization") is None


def test_the_password_of_the_url_does_not_cross(other):
    with Origin({"/go": redirect(f"{other.url}/there")}) as origin:
        url = f"{origin.url}/go".replace("http://", "http://user:very-secret@")
        response = shoal.Client().get(url).result()
        assert origin.got("/go").get("authorization") == "Basic dXNlcjp2ZXJ5LXNlY3JldA=="
    assert other.got("/there").get("authorization") is None
    assert "very-secret" not in str(response.history[0].url)


def test_secrets_are_not_sent_after_a_redirect_back(other):
    with Origin() as origin:
        origin.routes["/go"] = redirect(f"{other.url}/back")
        other.routes["/back"] = redirect(f"{origin.url}/home")
        shoal.Client().get(f"{origin.url}/go", headers=SECRETS).result()
        assert "very-secret" not in values(origin.got("/home"))


def test_a_host_header_is_not_sent_to_another_origin(other):
    with Origin({"/go": redirect(f"{other.url}/there")}) as origin:
        shoal.Client().get(f"{origin.url}/go", headers={"Host": "inner.example"}).result()
        assert origin.got("/go").get("host") == "inner.example"
    assert other.got("/there").get("host") == other.url.removeprefix("http://")


def test_stored_cookies_are_sent_to_their_host_only(other):
    with Origin() as origin, shoal.Client() as client:
        origin.routes["/login"] = Reply(headers=[("Set-Cookie", "session=very-secret; Path=/")])
        origin.routes["/go"] = redirect(f"{other.url.replace('127.0.0.1', 'localhost')}/there")
        client.get(f"{origin.url}/login").result()
        client.get(f"{origin.url}/go").result()
        assert origin.got("/go").get("cookie") == "session=very-secret"
    assert other.got("/there").get("cookie") is None


def test_secrets_do_not_cross_from_https_to_http(certificates, other):
    with Origin({"/go": redirect(f"{other.url}/there")}, tls=certificates.good) as origin:
        with shoal.Client(verify=certificates.ca_pem) as client:
            response = client.get(f"{origin.url}/go", headers=SECRETS).result()
        assert origin.got("/go").get("authorization") == SECRETS["Authorization"]
    assert response.url == f"{other.url}/there"
    assert "very-secret" not in values(other.got("/there"))


def test_secrets_do_not_cross_from_http_to_https(certificates):
    with Origin(tls=certificates.good) as secure, Origin({"/go": redirect(f"{secure.url}/there")}) as origin:
        with shoal.Client(verify=certificates.ca_pem) as client:
            client.get(f"{origin.url}/go", headers=SECRETS).result()
        assert "very-secret" not in values(secure.got("/there"))


@pytest.mark.parametrize(
    "name",
    [
        "x-functions-key",
        "x-forwarded-authorization",
        "x-jwt-assertion",
        "cf-access-jwt-assertion",
        "cookie2",
        "x-api-key",
        "ocp-apim-subscription-key",
        "x-hub-signature-256",
        "x-amzn-oidc-accesstoken",
        "x-ms-authorization-auxiliary",
        "x-registry-auth",
        "mcp-session-id",
    ],
)
def test_headers_named_like_secrets_do_not_cross(other, name):
    with Origin({"/go": redirect(f"{other.url}/there"), "/stay": redirect("/here")}) as origin:
        with shoal.Client(headers={name: "very-secret"}) as client:
            client.get(f"{origin.url}/go").result()
            client.get(f"{origin.url}/stay").result()
            assert "very-secret" not in repr(client.headers)
        assert origin.got("/here").get(name) == "very-secret"
    assert other.got("/there").get(name) is None


def test_ordinary_headers_cross(other):
    plain = {"Idempotency-Key": "1", "Accept-Language": "de", "X-Request-Id": "2", "X-Author": "3"}
    with Origin({"/go": redirect(f"{other.url}/there", 307)}) as origin:
        shoal.Client().post(f"{origin.url}/go", headers=plain).result()
    assert {name: other.got("/there").get(name) for name in plain} == plain


@pytest.mark.parametrize("to_other", [True, False])
def test_credentials_in_a_location_are_ignored(other, to_other):
    with Origin() as origin:
        target = other if to_other else origin
        origin.routes["/go"] = redirect(target.url.replace("http://", "http://user:very-secret@") + "/there")
        response = shoal.Client().get(f"{origin.url}/go").result()
        assert "very-secret" not in repr(target.got("/there").headers)
        assert target.got("/there").get("authorization") is None
        assert response.url == f"{target.url}/there"


def test_secrets_do_not_cross_in_a_batch(other):
    with Origin({"/go": redirect(f"{other.url}/there")}) as origin:
        shoal.gather_fetch([f"{origin.url}/go?{i}" for i in range(5)], headers=SECRETS).result()
    assert len(other.requests) == 5
    assert not any("very-secret" in values(request) for request in other.requests)


# The request body.


@pytest.mark.parametrize("code", [307, 308])
def test_the_body_is_sent_again_if_the_method_stays(other, code):
    with Origin({"/go": redirect(f"{other.url}/there", code)}) as origin:
        shoal.Client().post(f"{origin.url}/go", content=b"body", headers={"Content-Type": "a/b"}).result()
    there = other.got("/there")
    assert (there.method, there.body, there.get("content-type")) == ("POST", b"body", "a/b")


@pytest.mark.parametrize("code", [301, 302, 303])
def test_a_post_becomes_a_get_without_body(other, code):
    with Origin({"/go": redirect(f"{other.url}/there", code)}) as origin:
        shoal.Client().post(f"{origin.url}/go", content=b"body", headers={"Content-Type": "a/b"}).result()
    there = other.got("/there")
    assert (there.method, there.body) == ("GET", b"")
    assert there.get("content-type") is None
    assert there.get("content-length") is None


# Limits and history.


def test_history_has_every_hop(server):
    response = shoal.Client().get(f"{server.base_url}/redirect/3").result()
    assert [past.status_code for past in response.history] == [302, 302, 302]
    assert [str(past.url) for past in response.history] == [f"{server.base_url}/redirect/{n}" for n in (3, 2, 1)]
    assert response.url == f"{server.base_url}/echo"
    assert response.request.url == f"{server.base_url}/redirect/3"
    assert all(past.history == [] for past in response.history)


def test_no_history_without_a_redirect(server):
    response = shoal.Client().get(f"{server.base_url}/bytes/1").result()
    assert response.history == []
    assert response.url == f"{server.base_url}/bytes/1"


def test_follow_redirects_false(server):
    response = shoal.Client(follow_redirects=False).get(f"{server.base_url}/redirect/1").result()
    assert (response.status_code, response.headers["location"]) == (302, "/echo")
    assert response.history == []


def test_a_call_overrides_follow_redirects_of_its_client(server):
    with shoal.Client() as client:
        assert client.get(f"{server.base_url}/redirect/1", follow_redirects=False).result().status_code == 302
    with shoal.Client(follow_redirects=False) as client:
        assert client.get(f"{server.base_url}/redirect/1", follow_redirects=True).result().status_code == 200


def test_a_batch_with_follow_redirects_false(server):
    responses = shoal.gather_fetch([f"{server.base_url}/redirect/1"] * 3, follow_redirects=False).result()
    assert [response.status_code for response in responses] == [302] * 3


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_more_redirects_than_the_limit(server, limit):
    client = shoal.Client(max_redirects=limit)
    assert client.get(f"{server.base_url}/redirect/{limit}").result().status_code == 200
    with pytest.raises(shoal.TooManyRedirects) as caught:
        client.get(f"{server.base_url}/redirect/{limit + 1}").result()
    assert str(limit) in str(caught.value)
    assert f"GET {server.base_url}/redirect/{limit + 1}" in str(caught.value)
    assert caught.value.response.status_code == 302
    assert len(caught.value.response.history) == limit


def test_a_redirect_loop_is_too_many_redirects(server):
    with pytest.raises(shoal.TooManyRedirects):
        shoal.Client().get(f"{server.base_url}/redirect-loop").result()


def test_too_many_redirects_is_not_retried(server):
    before = server.stats.requests
    with pytest.raises(shoal.TooManyRedirects) as caught:
        shoal.gather_fetch([f"{server.base_url}/redirect-loop"], retry=3, max_redirects=2).result()
    assert caught.value.attempts == 1
    assert server.stats.requests - before == 3


# Locations.


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("/there", "/there"),
        ("there", "/deep/there"),
        ("../there", "/there"),
        ("./there?x=1", "/deep/there?x=1"),
        ("?x=1", "/deep/go?x=1"),
        ("//{host}/there", "/there"),
        ("{url}/there", "/there"),
        ("{upper}/there", "/there"),
        ("/a b", "/a%20b"),
        ("/gr\u00c3\u00b6\u00c3\u009fe", "/gr%C3%B6%C3%9Fe"),  # UTF-8, sent as its raw bytes
        ("/synspr\u00f8ve", "/synspr%F8ve"),  # one byte, not UTF-8
        ("/\u00c3\u00b6/\u00f6?\u00ff#\u00f8", "/%C3%B6/%F6?%FF#%F8"),
        ("/a%F8%zz%", "/a%F8%zz%"),
        ("/a\\b", "/a/b"),
        ("/there#part", "/there#part"),
    ],
)
def test_locations_are_resolved_and_encoded(location, there):
    with Origin() as origin:
        host = origin.url.removeprefix("http://")
        away = redirect(location.format(host=host, url=origin.url, upper=origin.url.replace("http", "HTTP")))
        origin.routes["/deep/go"] = lambda request: Reply() if "?" in request.target else away
        response = shoal.Client().get(f"{origin.url}/deep/go").result()
        assert response.content == b"here"
        assert str(response.url) == origin.url + there
        assert origin.requests[1].target == there.partition("#")[0]


def test_the_fragment_is_inherited():
    with Origin({"/go": redirect("/there")}) as origin:
        response = shoal.Client().get(f"{origin.url}/go#part").result()
        assert str(response.url) == f"{origin.url}/there#part"
        assert origin.got("/there").target == "/there"


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/file",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "JavaScript://127.0.0.1/%0aalert(1)",
        "ws://127.0.0.1/",
        "http://",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://\xff/",
        "x" * 100_000 + ":",
    ],
)
def test_a_redirect_out_of_http_is_refused(location):
    with Origin({"/go": redirect(location)}) as origin, pytest.raises(shoal.FetchError) as caught:
        shoal.Client().get(f"{origin.url}/go").result()
    assert isinstance(caught.value, shoal.ProtocolError)
    assert f"GET {origin.url}/go" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("limit", [0, 5])
@pytest.mark.parametrize("length", [1, 10_000, 100_000])
def test_an_invalid_location_is_redacted_and_truncated(limit, length):
    location = f"http://user:very-secret@ho st/{'x' * length}?token=very-secret{'y' * length}"
    with Origin({"/go": redirect(location)}) as origin, pytest.raises(shoal.FetchError) as caught:
        shoal.Client(max_redirects=limit).get(f"{origin.url}/go").result()
    message = str(caught.value)
    assert ("***@ho st/" if length < 100_000 else "is too long (2000") in message
    assert "very-secret" not in message
    assert "user:" not in message
    assert len(message) < 1000


@pytest.mark.parametrize("location", ["", "  "])
def test_an_empty_location_is_not_followed(location):
    with Origin({"/go": redirect(location)}) as origin:
        response = shoal.Client().get(f"{origin.url}/go").result()
    assert (response.status_code, response.content, response.history) == (302, b"moved", [])


def test_a_redirect_to_a_closed_port_is_a_connect_error():
    with refusing() as closed, Origin({"/go": redirect(closed)}) as origin, pytest.raises(shoal.ConnectError) as caught:
        shoal.Client().get(f"{origin.url}/go").result()
    assert caught.value.phase == "connect"


def test_a_redirect_without_location_is_the_result(server):
    assert shoal.Client().get(f"{server.base_url}/status/302").result().status_code == 302


@pytest.mark.parametrize(
    ("length", "pieces"), [(100, [b"abc", HANG]), (10**9, [*[b"x" * 100_000] * 50, HANG])], ids=["slow", "long"]
)
def test_the_body_of_a_redirect_is_not_waited_for(other, length, pieces):
    head = f"HTTP/1.1 302 Found\r\nLocation: {other.url}/there\r\nContent-Length: {length}\r\n\r\n"
    with Scripted([READ, head.encode(), *pieces]) as origin:
        assert shoal.Client(timeout=5).get(origin.url).result().content == b"here"
        assert origin.wait_all_closed()


def test_the_connection_is_reused_after_a_redirect():
    with Origin({"/go": redirect("/there")}) as origin, shoal.Client() as client:
        client.get(f"{origin.url}/go").result()
        client.get(f"{origin.url}/go").result()
        assert len(origin.connections) == 1
