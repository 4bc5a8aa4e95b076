"""shoal.testing: the Python interface of the embedded server. crates/testserver/tests has the routes byte by byte."""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shoal.testing import Server, ServerStats, serve

LIMIT = 20


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def fetch(
    server: Server, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def fetch_json(server: Server, path: str, **options: Any) -> Any:
    return json.loads(fetch(server, path, **options)[1])


def wait_until(condition: Any) -> None:
    until = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(LIMIT)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_addresses(server: Server) -> None:
    assert server.port > 0
    assert server.host == "127.0.0.1"
    assert server.base_url == f"http://127.0.0.1:{server.port}"
    assert server.url("/json/10") == server.url("json/10") == server.base_url + "/json/10"
    assert server.url() == server.base_url + "/"
    assert "running" in repr(server) and server.base_url in repr(server)


@pytest.mark.parametrize("n", [64, 100, 111, 10_240, 300_000])
def test_documents_are_json_of_the_requested_length(server: Server, n: int) -> None:
    for index in ("0", "7", "19999", 'x"y'):
        _, body = fetch(server, f"/json/{n}?i={index}".replace('"', "%22"))
        document = json.loads(body)
        assert len(body) == n
        assert document["i"] == (int(index) if index.isdigit() else index)
        assert document["n"] == n
    assert [row["id"] for row in document["rows"]] == list(range(len(document["rows"])))
    assert n < 1000 or document["rows"]


def test_echo_describes_any_request_as_json(server: Server) -> None:
    body = bytes(range(256)) * 3
    seen = fetch_json(server, "/echo/%C3%A9?a=1&a=%22", method="PUT", body=body, headers={"X-Odd": 'a"\\b'})
    assert (seen["method"], seen["path"], seen["query"]) == ("PUT", "/echo/é", [["a", "1"], ["a", '"']])
    assert ["X-Odd", 'a"\\b'] in seen["headers"]
    assert seen["body"] is None and seen["body_length"] == len(body)
    assert base64.b64decode(seen["body_base64"]) == body
    upload = fetch_json(server, "/upload", method="POST", body=body)
    assert upload == {"length": len(body), "crc32": zlib.crc32(body)}


def test_gzip_and_the_bomb(server: Server) -> None:
    response, body = fetch(server, "/gzip/5000?i=1")
    assert response.headers["content-encoding"] == "gzip"
    assert len(gzip.decompress(body)) == 5000
    _, bomb = fetch(server, "/fault/gzip-bomb?mb=300")
    assert len(bomb) < 350_000
    _, bomb = fetch(server, "/fault/gzip-bomb?mb=20")
    assert gzip.decompress(bomb) == bytes(20 << 20)
    for fault in ("corrupt-gzip", "truncated-gzip"):
        with pytest.raises((EOFError, zlib.error, OSError)):
            gzip.decompress(fetch(server, f"/fault/{fault}")[1])


def test_faults_as_seen_by_http_client(server: Server) -> None:
    with pytest.raises(ConnectionResetError):
        fetch(server, "/fault/reset")
    with pytest.raises(http.client.IncompleteRead):
        fetch(server, "/fault/truncate?n=100&sent=10")
    with pytest.raises(http.client.BadStatusLine):
        fetch(server, "/fault/bad-head")
    with pytest.raises((http.client.HTTPException, ValueError)):
        fetch(server, "/fault/bad-chunk")
    with pytest.raises(http.client.LineTooLong):
        fetch(server, "/fault/oversized-headers")
    statuses = [fetch(server, "/fault/flaky/2?key=k")[0].status for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert (server.attempts("k"), server.requests("/fault/flaky"), server.requests("/fault")) == (3, 3, 8)


def test_requests_works_with_the_server(server: Server) -> None:
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False

        def get(path: str, **options: Any) -> Any:
            return session.get(server.url(path), timeout=LIMIT, **options)

        chain = get("/redirect/3")
        assert [r.status_code for r in chain.history] == [302] * 3 and chain.json()["path"] == "/echo"
        with pytest.raises(requests.TooManyRedirects):
            get("/redirect-loop")
        assert get("/cookies/set?a=1&b=2&redirect=/cookies").json()["cookies"] == {"a": "1", "b": "2"}
        assert get("/basic-auth/u/p", auth=("u", "p")).ok
        assert get("/basic-auth/u/p", auth=("u", "x")).status_code == 401
        assert get("/deflate/2000").json()["n"] == get("/gzip/2000").json()["n"] == 2000
        assert get("/charset?name=iso-8859-2&text=%C5%99").text == "ř"
        assert get("/chunked/100000").content == bytes(i % 251 for i in range(100_000))
        assert get("/range/100", headers={"Range": "bytes=-3"}).content == bytes([97, 98, 99])
        assert get("/etag", headers={"If-None-Match": '"shoal"'}).status_code == 304
        assert get("/fault/429?retry_after=3").headers["retry-after"] == "3"
        streamed = session.post(server.url("/upload"), data=iter([b"ab", b"c"]), timeout=LIMIT).json()
        assert streamed == {"length": 3, "crc32": zlib.crc32(b"abc")}


def test_the_statistics_service_is_consistent() -> None:
    with Server(players=300, latency=0.05) as server:
        start = time.monotonic()
        document = fetch_json(server, "/stats/commonallplayers?LeagueID=00&Season=2016-17")
        assert time.monotonic() - start >= 0.05
        assert document["resource"] == "commonallplayers"
        table = document["resultSets"][0]
        players = [dict(zip(table["headers"], row, strict=True)) for row in table["rowSet"]]
        assert len(players) == len({player["PERSON_ID"] for player in players}) == 300
        names = Counter(player["DISPLAY_FIRST_LAST"] for player in players)
        assert names["Chris Johnson"] == 3
        assert {"D'Angelo Marlowe", "J.J. Barlow", "Yao", "Karl-Anthony Townley", "Tim Hardaker III"} <= set(names)
        assert fetch_json(server, "/stats/commonallplayers")["resultSets"] == document["resultSets"]
        current = fetch_json(server, "/stats/commonallplayers?IsOnlyCurrentSeason=1")["resultSets"][0]["rowSet"]
        assert len(current) == sum(player["ROSTERSTATUS"] for player in players) < 300
    with Server(players=300) as server:
        for player in players:
            _, body = fetch(server, f"/stats/commonplayerinfo?PlayerID={player['PERSON_ID']}")
            assert 2_500 < len(body) < 10_000
            sets = {table["name"]: table for table in json.loads(body)["resultSets"]}
            assert {"CommonPlayerInfo", "PlayerHeadlineStats", "AvailableSeasons"} <= set(sets)
            for table in sets.values():
                assert table["rowSet"] and all(len(row) == len(table["headers"]) for row in table["rowSet"])
            info = dict(zip(sets["CommonPlayerInfo"]["headers"], sets["CommonPlayerInfo"]["rowSet"][0], strict=True))
            for column in ("PERSON_ID", "DISPLAY_FIRST_LAST", "DISPLAY_LAST_COMMA_FIRST", "TEAM_ID", "PLAYERCODE"):
                assert info[column] == player[column]
            assert {"FIRST_NAME", "LAST_NAME", "BIRTHDATE", "SCHOOL", "COUNTRY", "HEIGHT", "WEIGHT"} <= set(info)
        assert fetch(server, "/stats/commonplayerinfo?PlayerID=1")[0].status == 404
        assert "PlayerID" in fetch_json(server, "/stats/commonplayerinfo")["error"]


def test_stats_count(server: Server) -> None:
    barrier = threading.Barrier(5)

    def work() -> None:
        barrier.wait(LIMIT)
        fetch(server, "/delay/200")

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    stats = server.stats
    assert isinstance(stats, ServerStats)
    assert (stats.requests, stats.connections_opened, stats.peak_requests, stats.peak_connections) == (5, 5, 5, 5)
    assert stats.bytes_sent > 0
    wait_until(lambda: server.stats.connections_open == 0)
    server.reset_stats()
    assert server.stats == ServerStats(0, 0, 0, 0, 0, 0, 0)
    assert server.requests() == server.requests("/delay") == 0


def test_a_closed_server_refuses_connections() -> None:
    for _ in range(500):
        with Server() as server:
            pass
        assert refuses(server.port)


def test_close_is_final_and_idempotent() -> None:
    server = Server()
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT) as client:
        client.sendall(b"GET /fault/stall HTTP/1.1\r\n\r\n")
        wait_until(lambda: server.stats.requests_active == 1)
        assert not server.closed
        server.close()
        assert client.recv(1) == b""
    assert server.closed and "closed" in repr(server) and refuses(server.port)
    server.close()
    with Server(port=server.port) as again:
        assert again.port == server.port
        with pytest.raises(OSError, match="cannot listen"):
            Server(port=again.port)


def test_async_with_and_dropping_close_the_server() -> None:
    async def work() -> int:
        async with Server() as server:
            assert not refuses(server.port)
            return server.port

    assert refuses(asyncio.run(work()))
    server = Server()
    port = server.port
    del server
    gc.collect()
    assert refuses(port)


def test_parameters_are_checked() -> None:
    for wrong in ({"latency": -1.0}, {"latency": float("nan")}, {"threads": 0}, {"players": 10**9}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Server(**wrong)
    with pytest.raises(OSError):
        Server(host="203.0.113.1")
    with pytest.raises(TypeError):
        Server("127.0.0.1")  # type: ignore[call-arg]


def test_a_host_name_and_two_threads() -> None:
    with Server(host="localhost", threads=2) as server:
        assert fetch_json(server, "/json/100?i=1")["i"] == 1


def test_exit_without_closing_is_quiet() -> None:
    code = """
        import threading, urllib.request
        from shoal.testing import Server
        server = Server()
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(server.url("/bytes/10")).read()
        leak = server, [server]
        leak[1].append(leak)
    """
    for _ in range(5):
        done = run_python(code)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_close_the_server() -> None:
    code = """
        import os, urllib.request, warnings
        from shoal.testing import Server
        warnings.simplefilter("ignore")
        get = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        server = Server()
        get(server.url("/bytes/10")).read()
        if (child := os.fork()) == 0:
            server.close()
            with Server() as own:
                os._exit(0 if len(get(own.url("/bytes/9"), timeout=5).read()) == 9 else 3)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), len(get(server.url("/bytes/10"), timeout=5).read()))
    """
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("0 10\n", "")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_serve_prints_its_url_and_exits_on_ctrl_c() -> None:
    command = [sys.executable, "-c", "from shoal.testing import serve; serve(port=0, latency=0.1, players=20)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=LIMIT)
            connection.request("GET", "/stats/commonallplayers")
            assert len(json.loads(connection.getresponse().read())["resultSets"][0]["rowSet"]) == 20
            connection.close()
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=LIMIT)
            assert (process.returncode, out, error) == (0, "", "")
        finally:
            process.kill()


def test_docstrings_describe_routes_and_attributes() -> None:
    assert Server.__doc__ is not None and serve.__doc__ is not None
    for route in ("/json/{n}", "/fault/flaky/{k}", "/stats/commonplayerinfo", "latency"):
        assert route in Server.__doc__
    for name in ("url", "requests", "attempts", "reset_stats", "close", "stats", "base_url", "host", "port", "closed"):
        assert getattr(Server, name).__doc__, name
