"""File names from any text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal._names import distinct_names, name_of_url, safe_name

ANY_TEXT = st.text() | st.text(alphabet="./\\ :~\x00-aé\u202e") | st.text(alphabet="aé", min_size=150)


@given(ANY_TEXT)
def test_safe_names_are_safe(text: str) -> None:
    name = safe_name(text)
    assert name
    assert Path(name).name == name
    assert name not in {".", ".."}
    assert len(name.encode()) <= 200
    assert not set(name) & set('<>:"/\\|?*\x00\n')


@given(ANY_TEXT)
def test_a_safe_name_is_unchanged(text: str) -> None:
    assert safe_name(safe_name(text)) == safe_name(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Shaquille O'Neal.json", "Shaquille O'Neal.json"),
        ("e\u0301", "é"),
        ("../up", "_._up"),
        ("..", "_"),
        ("", "_"),
        ("CON.txt", "_CON.txt"),
        ("console.txt", "console.txt"),
        (" a. ", "a"),
    ],
)
def test_samples(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_long_names_keep_their_suffix_and_stay_distinct() -> None:
    one, two = safe_name("é" * 300 + "1.json"), safe_name("é" * 300 + "2.json")
    assert one != two
    assert one.endswith(".json")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/a/b.json", "b.json"),
        ("https://example.com/a/b.json?page=2", "b_page=2.json"),
        ("https://example.com/info?PlayerID=76", "info_PlayerID=76"),
        ("https://example.com", "example.com"),
        ("https://example.com/caf%C3%A9/", "café"),
        ("https://example.com/..%2f..%2fetc", "etc"),
        ("http://[broken", "http___[broken"),
        ("nonsense", "nonsense"),
    ],
)
def test_names_of_urls(url: str, name: str) -> None:
    assert name_of_url(url) == name


def test_equal_names_get_their_keys_appended() -> None:
    assert distinct_names(["a.json", "b.json", "A.json"], ["1", "2", "3"]) == ["a_1.json", "b.json", "A_3.json"]
    assert distinct_names(["a", "a", "a_1"], ["1", "2", "3"]) == ["a_1", "a_2", "a_1_3"]


@given(st.lists(st.sampled_from(["a", "A", "a_1", "b.json", "b_2.json"]), max_size=8))
def test_distinct_names_are_distinct(names: list[str]) -> None:
    result = distinct_names(names, [str(n) for n in range(len(names))])
    assert len({name.casefold() for name in result}) == len(names)
