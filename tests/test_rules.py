"""`gather_fetch`, `stream_fetch`, `client.gather` and `client.get` share their defaults, precedence and checks."""

import inspect
import pickle
import uuid

import pytest

import shoal
from servers.scripted import READ, Scripted, reply
from shoal import USE_CLIENT_DEFAULT, Client, Limits

pytestmark = pytest.mark.usefixtures("transport")

SURROGATE = "\ud800"


def gathered(client, url, **options):
    return shoal.gather_fetch([url], client=client, **options).result()[0]


def streamed(client, url, **options):
    return next(iter(shoal.stream_fetch([url], client=client, **options)))


def of_the_client(client, url, **options):
    return client.gather([url], **options).result()[0]


def single(client, url, **options):
    return client.request(options.pop("method", "GET"), url, **options).result()


WAYS = pytest.mark.parametrize("way", [gathered, streamed, of_the_client, single])
WITHOUT_A_CLIENT = pytest.mark.parametrize("way", [gathered, streamed])


def sent(response) -> dict[str, str]:
    return dict(response.json()["headers"])


# Defaults.


@pytest.fixture
def flaky(server) -> str:
    """Fails twice, then responds with 200."""
    return server.url(f"/fault/flaky/2?key={uuid.uuid4()}")


@WAYS
def test_a_client_retries_twice_by_default(flaky, way) -> None:
    with Client() as client:
        assert way(client, flaky).attempts == 3


@WITHOUT_A_CLIENT
def test_a_call_without_a_client_retries_twice_by_default(flaky, way) -> None:
    assert way(None, flaky).attempts == 3


@WAYS
@pytest.mark.parametrize("given", [{}, {"retry": USE_CLIENT_DEFAULT, "raise_for_status": USE_CLIENT_DEFAULT}])
def test_omitted_options_are_the_clients(server, way, given) -> None:
    with Client(
        retry=0, raise_for_status=True, max_body=100, follow_redirects=False, timeout=0.5, params={"a": "1"}
    ) as client:
        with pytest.raises(shoal.HTTPStatusError) as caught:
            way(client, server.url("/status/503"), **given)
        assert caught.value.attempts == 1
        with pytest.raises(shoal.BodyTooLarge):
            way(client, server.url("/bytes/101"), **given)
        assert way(client, server.url("/redirect/1"), **given).status_code == 302
        with pytest.raises(shoal.TotalTimeout):
            way(client, server.url("/delay/20000"), **given)
        assert way(client, server.url("/echo"), max_body=None).json()["raw_query"] == "a=1"


@WAYS
def test_none_means_no_limit(server, way) -> None:
    with Client(max_body=10, max_redirects=1, timeout=0.001, retry=0) as client:
        free = {"max_body": None, "max_redirects": None, "timeout": None}
        assert len(way(client, server.url("/bytes/5000"), **free).content) == 5000
        assert way(client, server.url("/redirect/12"), **free).ok
    with Client(max_redirects=None) as client:
        assert way(client, server.url("/redirect/12")).ok


# Precedence: item, call, client.


@WAYS
def test_options_of_the_call_override_the_client(server, way) -> None:
    with Client(headers={"X-A": "client", "X-B": "client"}, params={"a": "client", "b": "client"}) as client:
        response = way(client, server.url("/echo"), headers={"x-a": "call"}, params={"a": "call"})
        assert (sent(response)["x-a"], sent(response)["x-b"]) == ("call", "client")
        assert response.json()["raw_query"] == "b=client&a=call"


@WAYS
def test_auth_overrides_a_header(server, way) -> None:
    header = {"Authorization": "Basic eDp5"}
    with Client() as client:
        assert sent(way(client, server.url("/echo"), headers=header, auth="token"))["authorization"] == "Bearer token"
        nothing = {"Authorization": None}
        assert sent(way(client, server.url("/echo"), headers=nothing, auth="token"))["authorization"] == "Bearer token"
    with Client(headers=header, auth="of-the-client") as client:
        assert sent(way(client, server.url("/echo")))["authorization"] == "Bearer of-the-client"
        assert sent(way(client, server.url("/echo"), headers=header))["authorization"] == header["Authorization"]
        assert sent(way(client, server.url("/echo"), auth="of-the-call"))["authorization"] == "Bearer of-the-call"
        assert "authorization" not in sent(way(client, server.url("/echo"), headers=nothing))


@pytest.mark.parametrize("many", [shoal.gather_fetch, shoal.stream_fetch])
def test_options_of_the_item_override_all(server, many) -> None:
    with Client(auth="client", headers={"X-A": "client"}) as client:
        items = [
            (server.url("/echo"), {"headers": {"Authorization": "Basic eDp5", "X-A": "item"}}),
            shoal.Request(server.url("/echo"), auth="item"),
            server.url("/echo"),
        ]
        options = {"client": client, "auth": "call", "headers": {"X-A": "call"}}
        if many is shoal.gather_fetch:
            responses = many(items, **options).result()
        else:
            responses = list(many(items, ordered=True, **options))
        found = [(sent(response)["authorization"], sent(response)["x-a"]) for response in responses]
        assert found == [("Basic eDp5", "item"), ("Bearer item", "call"), ("Bearer call", "call")]


# Checks.

WRONG = [
    ({"timeout": 0}, ValueError, "timeout must be finite and more than 0 seconds, not 0"),
    ({"timeout": "1"}, TypeError, "timeout must be a number of seconds, a Timeout or None, not str"),
    ({"retry": -1}, ValueError, "retry must be 0 or more, not -1"),
    ({"retry": "1"}, TypeError, "retry must be an int, a Retry or None, not str"),
    ({"max_body": "5 parsecs"}, ValueError, "max_body must be a number of bytes"),
    ({"max_redirects": -1}, ValueError, "max_redirects must be 0 or more, not -1"),
    ({"max_redirects": "3"}, TypeError, "max_redirects must be an int or None, not str"),
    ({"follow_redirects": None}, TypeError, "follow_redirects must be True or False, not NoneType"),
    ({"raise_for_status": 1}, TypeError, "raise_for_status must be True or False, not int"),
    ({"headers": {"a": 1}}, TypeError, "headers: the value of 'a' must be str, bytes or None, not int"),
    ({"params": 3}, TypeError, "params must be a mapping"),
    ({"auth": 3}, TypeError, "auth must be a pair"),
    ({"cookies": {"a b": "1"}}, ValueError, "cookies: .* is not a cookie name"),
    ({"timeouts": 3}, TypeError, "did you mean .timeout"),
]


@WAYS
@pytest.mark.parametrize(("options", "error", "words"), WRONG, ids=[str(options) for options, *_ in WRONG])
def test_all_functions_check_arguments_alike(server, way, options, error, words) -> None:
    with Client() as client, pytest.raises(error, match=words):
        way(client, server.url("/bytes/1"), **options)
    if way is single and "timeouts" not in options:
        with pytest.raises(error, match=words):
            Client(**options)


@pytest.mark.parametrize(
    "call",
    [
        lambda client, urls, **limits: client.gather(urls, **limits),
        lambda client, urls, **limits: shoal.gather_fetch(urls, client=client, **limits),
        lambda client, urls, **limits: shoal.stream_fetch(urls, client=client, **limits),
    ],
    ids=["client.gather", "gather_fetch", "stream_fetch"],
)
def test_a_concurrency_above_the_clients_limit_is_refused(server, call) -> None:
    words = r"concurrency=400 is more than the client's limit of 100, .*limits=shoal\.Limits\(400\)"
    with Client() as client:
        with pytest.raises(ValueError, match=words):
            call(client, [server.url("/bytes/1")] * 3, concurrency=400)
        for fits in (1, 100):
            call(client, [], concurrency=fits).close()
    with Client(limits=Limits(None)) as client:
        call(client, [], concurrency=400).close()
    with Client(limits=Limits(7)) as client, pytest.raises(ValueError, match=r"concurrency=8 is more than .* 7"):
        call(client, [], concurrency=8)


def test_a_stream_needs_a_concurrency(server) -> None:
    with pytest.raises(ValueError, match="concurrency of a stream must be 1 or more, not None"):
        shoal.stream_fetch([], concurrency=None)
    with Client(limits=Limits(None)) as client:
        assert len(list(shoal.stream_fetch([server.url("/bytes/1")] * 300, client=client))) == 300


# Text that cannot be encoded as UTF-8.


@pytest.mark.parametrize(
    "options",
    [
        {"method": SURROGATE},
        {"params": SURROGATE},
        {"params": {SURROGATE: 1}},
        {"params": {"a": SURROGATE}},
        {"headers": {SURROGATE: "a"}},
        {"headers": {"a": SURROGATE}},
        {"cookies": {SURROGATE: "a"}},
        {"cookies": {"a": SURROGATE}},
        {"auth": SURROGATE},
        {"auth": ("user", SURROGATE)},
        {"auth": (SURROGATE, "password")},
        {"content": SURROGATE},
        {"data": SURROGATE},
        {"data": {"a": SURROGATE}},
        {"json": SURROGATE},
        {"max_body": SURROGATE},
        {"rate": SURROGATE},
        {"save_to": SURROGATE},
        {"save_to": lambda index, request: SURROGATE},
    ],
    ids=ascii,
)
def test_the_error_for_a_lone_surrogate_names_the_option(options) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name}: (the callable: )?a (str|path) has a lone surrogate") as caught:
        shoal.gather_fetch(["http://127.0.0.1/"], **options)
    assert type(caught.value) is ValueError
    if name not in {"rate", "save_to"}:
        with pytest.raises(ValueError, match=f"^{name}: a str has a lone surrogate"):
            shoal.Request("http://127.0.0.1/", **options)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: shoal.Request("http://host/", name=SURROGATE), "name"),
        (lambda: shoal.Request(SURROGATE), "url"),
        (lambda: Client(base_url=SURROGATE), "base_url"),
        (lambda: Client(verify=SURROGATE), "verify"),
        (lambda: Client(user_agent=SURROGATE), "user_agent"),
        (lambda: Client(cookies={"a": SURROGATE}), "cookies"),
        (lambda: Limits(rate=SURROGATE), "rate"),
        (lambda: shoal.Retry(1, allowed_methods=[SURROGATE]), "allowed_methods"),
        (lambda: shoal.gather_fetch([], **{SURROGATE: 1}), "the name of an option"),
        (lambda: Client(**{SURROGATE: 1}), "the name of an option"),
        (lambda: shoal.parallel.html_text([""], on_error=SURROGATE), "on_error"),
        (lambda: shoal.parallel.regex_findall([""], SURROGATE), "pattern"),
        (lambda: shoal.parallel.json_rows([b"{}"], SURROGATE), "pointer"),
        (lambda: shoal.parallel.html_select([""], SURROGATE), "css"),
    ],
)
def test_the_error_for_a_lone_surrogate_names_the_argument(make, name) -> None:
    with pytest.raises(ValueError, match=f"^{name}: a (str|path) has a lone surrogate"):
        make()


def test_lookups_with_a_lone_surrogate_find_nothing() -> None:
    assert shoal.Headers({"a": "1"}).get_list(SURROGATE) == []
    assert shoal.Headers({"a": "1"}).get(SURROGATE) is None
    with pytest.raises(shoal.InvalidURL, match="a lone surrogate"):
        shoal.gather_fetch(["http://host/" + SURROGATE])


# Idempotency-Key.


@WAYS
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("place", ["call", "client"])
def test_a_request_with_an_idempotency_key_is_retried(way, method, place) -> None:
    key = {"Idempotency-Key": "8e03978e"}
    script = [[READ, reply(status="503 Busy")], [READ, reply(b"done")]]
    with Scripted(*script) as server, Client(headers=key if place == "client" else None) as client:
        headers = key if place == "call" else None
        response = way(client, server.url, method=method, content=b"once", headers=headers)
        assert (response.status_code, response.attempts) == (200, 2)


@WAYS
def test_a_post_without_an_idempotency_key_is_sent_once(way) -> None:
    with Scripted([READ, reply(status="503 Busy")]) as server:
        for headers in ({"Idempotency-Key": "1"}, None):
            with Client(headers=headers) as client:
                response = way(client, server.url, method="POST", headers={"Idempotency-Key": None})
                assert (response.status_code, response.attempts) == (503, 1)


# USE_CLIENT_DEFAULT.


def test_signatures_show_the_clients_default() -> None:
    signature = inspect.signature(Client.gather)
    for name in ("concurrency", "timeout", "retry", "max_body", "raise_for_status"):
        assert signature.parameters[name].default is USE_CLIENT_DEFAULT
    assert inspect.signature(Client.get).parameters["timeout"].default is USE_CLIENT_DEFAULT
    assert "timeout=USE_CLIENT_DEFAULT" in str(inspect.signature(Client.post))
    assert inspect.signature(shoal.gather_fetch).parameters["retry"].default == 2
    assert inspect.signature(Client).parameters["retry"].default == 2
    assert pickle.loads(pickle.dumps(USE_CLIENT_DEFAULT)) is USE_CLIENT_DEFAULT
    assert repr(USE_CLIENT_DEFAULT) == "USE_CLIENT_DEFAULT"
