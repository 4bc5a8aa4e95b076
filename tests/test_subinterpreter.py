"""`import shoal` in a subinterpreter fails and does not affect the main interpreter."""

import sys
from collections.abc import Callable

import pytest

PROGRAM = """
import sys
try:
    import _interpreters

    def create():
        return _interpreters.create("legacy")

    def run(number, code):
        failed = _interpreters.run_string(number, code)
        assert failed is None, failed
except ImportError:
    import _xxsubinterpreters as _interpreters

    def create():
        return _interpreters.create(isolated=False)

    run = _interpreters.run_string

ATTEMPT = '''
try:
    import shoal
except ImportError as error:
    assert "subinterpreter" in str(error), error
else:
    raise AssertionError("imported")
'''

def attempt():
    number = create()
    run(number, ATTEMPT)
    _interpreters.destroy(number)

def use():
    import shoal
    from shoal import parallel
    assert len(parallel.hash([b"a"]).result(10)) == 1
    assert len(shoal.gather_fetch([sys.argv[1]] * 3).result(10)) == 3
"""


@pytest.mark.parametrize("order", ["attempt(); use()", "use(); attempt(); use()", "attempt(); attempt(); use(); use()"])
def test_the_main_interpreter_is_unaffected(python: Callable, server, order: str) -> None:
    pytest.importorskip("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    done = python(PROGRAM + order, server.url("/bytes/1"))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
