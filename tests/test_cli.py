"""`python -m shoal fetch` and `serve`, in this process and in others."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from shoal._cli import main

COMMAND = [sys.executable, "-W", "error", "-m", "shoal"]


@pytest.fixture
def fetch(tmp_path: Path, capsys: pytest.CaptureFixture):
    """Runs `fetch` on a list of lines; returns exit code, stdout and stderr."""

    def run(lines: list[str], *options: str) -> tuple[int, str, str]:
        (tmp_path / "urls.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        code = main(["fetch", str(tmp_path / "urls.txt"), "--out", str(tmp_path / "out"), *options])
        return code, *capsys.readouterr()

    return run


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def test_fetch_saves_each_url(fetch, server, tmp_path: Path) -> None:
    code, out, err = fetch(["# three", server.url("/bytes/10"), "", f"  {server.url('/bytes/20')}  "])
    assert (code, err) == (0, "")
    assert files(tmp_path / "out") == {"10": 10, "20": 20}
    assert out.startswith("2 saved (30 B), 0 failed, 0 already there; ")


def test_given_names_are_made_safe(fetch, server, tmp_path: Path) -> None:
    code, _, _ = fetch(
        [
            f"Shaquille O'Neal.json\t{server.url('/bytes/1')}",
            f"../../etc/passwd\t{server.url('/bytes/2')}",
            f"Nikola Jokić {{x}}.json\t{server.url('/bytes/3')}",
        ]
    )
    assert code == 0
    assert files(tmp_path / "out") == {"Shaquille O'Neal.json": 1, "_._.._etc_passwd": 2, "Nikola Jokić {x}.json": 3}


def test_equal_names_are_made_distinct_in_any_order(fetch, server, tmp_path: Path) -> None:
    lines = [f"same.bin\t{server.url(f'/bytes/{size}')}" for size in (1, 2, 3)]
    assert fetch(lines)[0] == 0
    saved = files(tmp_path / "out")
    assert sorted(saved.values()) == [1, 2, 3]
    assert all(re.fullmatch(r"same_[0-9a-f]{8}\.bin", name) for name in saved)
    code, out, _ = fetch(lines[::-1])
    assert code == 0
    assert "3 already there" in out
    assert files(tmp_path / "out") == saved


def test_a_repeated_line_is_fetched_once(fetch, server, tmp_path: Path) -> None:
    assert "1 saved" in fetch([server.url("/bytes/1")] * 2)[1]


def test_a_second_run_skips_existing_files(fetch, server, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/10").write_bytes(b"here already")
    code, out, _ = fetch([server.url("/bytes/10"), server.url("/bytes/11")])
    assert code == 0
    assert "1 saved (11 B), 0 failed, 1 already there" in out
    assert files(tmp_path / "out") == {"10": 12, "11": 11}
    assert "2 saved (21 B)" in fetch([server.url("/bytes/10"), server.url("/bytes/11")], "--force")[1]


def test_failures_are_listed(fetch, server, tmp_path: Path) -> None:
    lines = [server.url("/bytes/1"), server.url("/status/404"), "http://127.0.0.1:1/closed", "nonsense"]
    code, out, err = fetch(lines, "--retry", "0")
    assert code == 1
    assert "1 saved (1 B), 3 failed" in out
    assert f"failed: {lines[1]}: 404 Not Found\n" in err
    assert "failed: http://127.0.0.1:1/closed: GET http://127.0.0.1:1/closed: " in err
    assert "failed: nonsense: " in err
    assert files(tmp_path / "out") == {"1": 1}


def test_quiet_prints_only_failures(fetch, server) -> None:
    assert fetch([server.url("/bytes/1")], "--quiet") == (0, "", "")
    code, out, err = fetch([server.url("/status/404")], "--quiet")
    assert (code, out) == (1, "")
    assert "404" in err


def test_template_names_the_files(fetch, server, tmp_path: Path) -> None:
    code, _, _ = fetch([server.url("/bytes/1"), server.url("/bytes/2")], "--template", "{index:03}-{host}-{name}.bin")
    assert code == 0
    host = server.url("/").split("/")[2].replace(":", "_")
    assert files(tmp_path / "out") == {f"000-{host}-1.bin": 1, f"001-{host}-2.bin": 2}


@pytest.mark.parametrize(
    "options", [["--template", "{nothing}"], ["--concurrency", "0"], ["--timeout", "-1"], ["--retry", "many"]]
)
def test_invalid_options_exit_with_2(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["fetch", "urls.txt", "--out", str(tmp_path), *options])
    assert exit_.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_a_missing_list_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["fetch", str(tmp_path / "none.txt"), "--out", str(tmp_path / "out")]) == 2
    assert "none.txt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_list_saves_nothing(fetch) -> None:
    assert fetch(["# nothing"])[1].startswith("0 saved (0 B), 0 failed")


def test_fetch_reads_standard_input(server, tmp_path: Path) -> None:
    command = [*COMMAND, "fetch", "-", "--out", "out"]
    done = subprocess.run(
        command, input=f"{server.url('/bytes/5')}\n", capture_output=True, text=True, cwd=tmp_path, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path / "out") == {"5": 5}


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_run_prints_its_summary(server, tmp_path: Path) -> None:
    lines = [server.url(f"/bytes/{n}") for n in range(20)] + [server.url("/delay/60000")] * 1
    (tmp_path / "urls.txt").write_text("\n".join(lines))
    command = [*COMMAND, "fetch", "urls.txt", "--out", "out", "--timeout", "120"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end and len(list(tmp_path.glob("out/*"))) < 20:
                time.sleep(0.02)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert out.startswith("interrupted, 20 saved (190 B), 1 left, 0 already there; ")
    assert err == ""
    assert sorted(files(tmp_path / "out").values()) == list(range(20))


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_a_signal(end: signal.Signals) -> None:
    with subprocess.Popen([*COMMAND, "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/?", url)
            with urlopen(f"{url.rstrip('/')}/bytes/7", timeout=10) as response:
                assert len(response.read()) == 7
            process.send_signal(end)
            _, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert err == ""
    if end is signal.SIGINT:
        assert process.returncode in {0, 130}


def test_no_command_shows_the_usage() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "usage: python -m shoal" in done.stderr
