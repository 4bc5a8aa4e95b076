"""The reporters behind `progress=`."""

import builtins
import io
import sys

import pytest

from shoal._progress import LineReporter, reporter


def test_no_reporter_without_progress() -> None:
    assert reporter(False) is None
    assert reporter(None) is None


@pytest.mark.parametrize("wrong", [1, "yes", [], 0])
def test_other_types_are_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
        reporter(wrong)


def test_a_callable_is_called_only_on_changes() -> None:
    seen = []
    made = reporter(lambda done, total: seen.append((done, total)))
    for done, total in [(0, None), (0, None), (3, 10), (3, 10)]:
        made.update(done, total)
    made.close(10, 10)
    assert seen == [(0, None), (3, 10), (10, 10)]


def test_a_callable_is_called_once_at_the_end() -> None:
    seen = []
    made = reporter(lambda done, total: seen.append(done))
    made.update(10, 10)
    made.close(10, 10)
    assert seen == [10]


def test_an_exception_of_a_callable_is_raised_once() -> None:
    calls = []

    def fails(done: int, total: int | None) -> None:
        calls.append(done)
        raise LookupError("mine")

    made = reporter(fails)
    with pytest.raises(LookupError, match="mine"):
        made.update(1, 2)
    made.update(2, 2)
    made.close(2, 2)
    assert calls == [1]


def test_tqdm_shows_the_total(capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("tqdm")
    made = reporter(True)
    assert capsys.readouterr().err == ""
    made.update(0, None)
    made.update(3, 10)
    made.close(10, 10)
    assert "10/10" in capsys.readouterr().err


def test_tqdm_keeps_the_count_of_an_unfinished_batch(capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("tqdm")
    made = reporter(True)
    made.close(4, 10)
    assert "4/10" in capsys.readouterr().err


def test_without_tqdm_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *rest, **named):
        if name.partition(".")[0] == "tqdm":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'shoal\[progress\]'"):
        reporter(True)


def test_the_plain_text_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    line = LineReporter()
    line.update(1, None)
    line.close(2, 2)
    assert "\r1 requests" in sys.stderr.getvalue()
    assert "\r2/2 requests" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\n")
