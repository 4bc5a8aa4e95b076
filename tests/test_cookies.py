"""Cookies set by servers: which are stored, for how long, how many, and to which hosts they are sent."""

from __future__ import annotations

import datetime as dt

import pytest

pytest.importorskip("trustme")

import shoal
from servers.origin import Origin, Reply, redirect
from servers.tls import Certificates

pytestmark = pytest.mark.usefixtures("transport")

# 1 January 1970, 00:00:10, in the formats that servers use. Each of them deletes a cookie.
DATES = [
    "Thu, 01-Jan-70 00:00:10 UTC",
    "Thu, 01-Jan-70 00:00:10 GMT",
    "Thu, 01-Jan-1970 00:00:10 GMT",
    "Thu, 01 Jan 1970 00:00:10 GMT",
    "Thu, 01 Jan 70 00:00:10 GMT",
    "Thursday, 01-Jan-70 00:00:10 GMT",
    "Thu Jan  1 00:00:10 1970",
    "Thu Jan 01 1970 00:00:10 GMT+0000 (UTC)",
    "Thu, 1 Jan 1970 00:00:10 GMT",
    "1 January 1970 0:0:10",
    "Thu, 01 Jan 1970 00:00:10 -0700",
    "Thu, 01 Jan 1970 00:00:10",
    "01 Jan 1970 00:00:10 GMT",
    "Jan 1 1970 00:00:10",
    "thu, 01 JAN 1970 00:00:10 gmt",
]

NO_DATES = [
    "0",
    "-1",
    "Session",
    "1970-01-01T00:00:10Z",
    "Thu, 01 Jan 1970",
    "Thu, 32 Jan 1970 00:00:10 GMT",
    "Thu, 01 Jan 1970 24:00:10 GMT",
    "Thu, 31 Apr 1970 00:00:10 GMT",
]


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


def set_cookies(*values: str, **more) -> Reply:
    return Reply(headers=[("Set-Cookie", value) for value in values], **more)


def sent_back(*values: str, tls=None, verify=True, then: str = "/then") -> str | None:
    """The Cookie header of a request that follows a response with these cookies."""
    with Origin({"/set": set_cookies(*values)}, tls=tls) as origin, shoal.Client(verify=verify) as client:
        client.get(f"{origin.url}/set").result()
        client.get(origin.url + then).result()
        return origin.got(then.partition("?")[0]).get("cookie")


@pytest.mark.parametrize("date", DATES)
def test_an_expiry_date_in_the_past_deletes_the_cookie(date):
    with Origin({"/set": set_cookies("a=1"), "/delete": set_cookies(f"a=; Expires={date}", "b=2")}) as origin:
        with shoal.Client() as client:
            client.get(f"{origin.url}/set").result()
            deleted = client.get(f"{origin.url}/delete").result()
            assert (deleted.cookies, client.cookies) == ({"b": "2"}, {"b": "2"})
            client.get(f"{origin.url}/then").result()
        assert origin.got("/delete").get("cookie") == "a=1"
        assert origin.got("/then").get("cookie") == "b=2"


def test_aiohttp_parses_the_same_dates():
    """aiohttp implements the algorithm of RFC 6265, 5.1.1, too."""
    jar = pytest.importorskip("aiohttp").CookieJar
    moment = dt.datetime(1970, 1, 1, 0, 0, 10, tzinfo=dt.timezone.utc)

    def parsed(date):
        found = jar._parse_date(date)
        return found.timestamp() if isinstance(found, dt.datetime) else found

    assert {parsed(date) for date in DATES} == {moment.timestamp()}
    # aiohttp does not check the number of days in a month.
    assert {parsed(date) for date in NO_DATES if "31 Apr" not in date} == {None}


@pytest.mark.parametrize("date", [*NO_DATES, "Fri, 01-Jan-99 00:00:00 GMT"])
def test_an_invalid_expiry_date_is_ignored(date):
    kept = date in NO_DATES  # the year 99 is 1999
    assert sent_back(f"a=1; Expires={date}") == ("a=1" if kept else None)


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ("Max-Age=60", True),
        ("Max-Age=0", False),
        ("Max-Age=-1", False),
        ("Max-Age=-99999999999999999999", False),
        ("Max-Age=99999999999999999999", True),
        ("Max-Age=+0", True),
        ("Max-Age=0.0", True),
        ('Max-Age="0"', True),
        ("Max-Age=", True),
        ("max-age = 0", False),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:10 GMT", True),
        ("Expires=Fri, 01 Jan 2100 00:00:00 GMT; Max-Age=0", False),
        ("Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT", False),
    ],
)
def test_max_age(attributes, kept):
    assert sent_back(f"a=1; {attributes}") == ("a=1" if kept else None)


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        ("__Host-a=1; Secure; Path=/", True),
        ("__Host-a=1; Path=/", False),
        ("__Host-a=1; Secure", False),
        ("__Host-a=1; Secure; Path=/; Domain=127.0.0.1", False),
        ("__host-a=1; Path=/", False),
        ("__Secure-a=1; Secure", True),
        ("__Secure-a=1", False),
        ("__SECURE-a=1", False),
    ],
)
def test_host_and_secure_prefixes_are_enforced(certificates, cookie, kept):
    sent = sent_back(cookie, tls=certificates.good, verify=certificates.ca_pem)
    assert sent == (cookie.partition(";")[0] if kept else None)


def test_cookie_bytes_are_sent_back_unchanged():
    # The test server encodes in Latin-1: each character is one byte on the wire.
    assert sent_back("caf\xe9=\xff\xfe", "b=\xc3\xa9") == "caf\xe9=\xff\xfe; b=\xc3\xa9"


@pytest.mark.parametrize("domain", ["0.0.1", "1", "com", ".", "127.0.0.1.", "http://127.0.0.1", "other.example"])
def test_cookies_with_a_foreign_domain_are_refused(domain):
    kept = domain in (".", "127.0.0.1.")  # an empty domain; the host itself
    assert sent_back(f"a=1; Domain={domain}") == ("a=1" if kept else None)


def test_the_cookies_of_a_domain_are_bounded():
    """A domain keeps its 180 newest cookies; other domains are not affected."""

    def flood(request):
        start = int(request.target.partition("?")[2])
        return set_cookies(*(f"c{start + i}={'x' * 20}; Path=/" for i in range(50)))

    with Origin({"/login": set_cookies("session=1; Path=/"), "/flood": flood}) as origin, shoal.Client() as client:
        other = origin.url.replace("127.0.0.1", "localhost")
        client.get(f"{other}/login").result()
        for start in range(0, 1000, 50):
            client.get(f"{origin.url}/flood?{start}").result()
        assert len(client.cookies) == 181
        client.get(f"{origin.url}/then").result()
        client.get(f"{other}/there").result()
        sent = origin.got("/then").get("cookie").split("; ")
        assert [pair.partition("=")[0] for pair in sent] == [f"c{i}" for i in range(820, 1000)]
        assert origin.got("/there").get("cookie") == "session=1"


def test_a_cookie_of_more_than_4096_bytes_is_refused():
    assert sent_back(f"a={'x' * 4096}", f"b={'x' * 4095}", "c=1") == f"b={'x' * 4095}; c=1"


def test_cookies_of_the_client_are_not_sent_after_a_redirect_to_another_origin():
    with Origin() as other, Origin({"/go": redirect(f"{other.url}/there")}) as origin:
        other.routes["/back"] = redirect(f"{origin.url}/home")
        with shoal.Client(cookies={"session": "very-secret"}) as client:
            client.get(f"{origin.url}/go").result()
            client.get(f"{other.url}/direct").result()
            origin.routes["/away"] = redirect(f"{other.url}/back")
            client.get(f"{origin.url}/away").result()
        assert origin.got("/go").get("cookie") == "session=very-secret"
        assert other.got("/there").get("cookie") is None
        assert other.got("/direct").get("cookie") == "session=very-secret"
        # A redirect back to the first origin does not restore them.
        assert other.got("/back").get("cookie") is None
        assert origin.got("/home").get("cookie") is None


def test_cookies_of_the_client_are_sent_after_a_redirect_within_the_origin():
    with Origin({"/go": redirect("/there")}) as origin, shoal.Client(cookies={"session": "1"}) as client:
        client.get(f"{origin.url}/go").result()
        assert origin.got("/there").get("cookie") == "session=1"


def test_cookies_set_by_the_target_of_a_redirect_are_sent_to_it():
    with Origin({"/login": set_cookies("own=1; Path=/")}) as other:
        target = other.url.replace("127.0.0.1", "localhost")
        with Origin({"/go": redirect(f"{target}/there")}) as origin, shoal.Client(cookies={"a": "b"}) as client:
            client.get(f"{target}/login").result()
            client.get(f"{origin.url}/go").result()
        assert other.got("/there").get("cookie") == "own=1"


@pytest.mark.parametrize("cookies", [{"a": "\ud800"}, {"\ud800": "a"}])
def test_a_lone_surrogate_is_refused(cookies):
    with pytest.raises(ValueError, match=r"^cookies: a str has a lone surrogate"):
        shoal.Client(cookies=cookies)
