"""Functions for the tests of `parallel.map`, in a module that a worker process imports quickly."""

import os
import signal
import sys
import threading
import time
from pathlib import Path


def square(number):
    return number * number


def ident(value):
    return value


def pid(_):
    time.sleep(0.001)
    return os.getpid()


def reciprocal(number):
    return 1 / number


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


class RefusesError(Exception):
    """Can be pickled but not unpickled."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


class UnpicklableError(Exception):
    def __init__(self):
        super().__init__("has a lock")
        self.lock = threading.Lock()


class Bomb:
    """Raises, hangs or kills its process when it is unpickled."""

    def __init__(self, how="raise"):
        self.how = how

    def __reduce__(self):
        return explode, (self.how,)


def explode(how):
    if how == "raise":
        raise LookupError("boom")
    if how == "hang":
        time.sleep(60)
    os.kill(os.getpid(), signal.SIGSEGV)


def deep(_):
    return deep(_) + 1


def hang(_):
    time.sleep(60)


def close_everything(_):
    os.closerange(3, 100)
    time.sleep(60)


def throw(error):
    raise error


DEEDS = {
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "abort": lambda _: os.abort(),
    "exit": lambda _: os._exit(3),
    "sys.exit": lambda _: sys.exit(4),
    "interrupt": lambda _: throw(KeyboardInterrupt()),
    "raise": lambda _: throw(ValueError("bad item")),
    "refuses": lambda _: throw(RefusesError(1, 2)),
    "unpicklable": lambda _: throw(UnpicklableError()),
    "lock": lambda _: threading.Lock(),
    "bomb": lambda _: Bomb(),
    "deep": deep,
    "memory": lambda _: bytearray(1 << 60),
    "hang": hang,
    "close": close_everything,
    "blank": lambda _: throw(RuntimeError()),
}


def misbehave(item):
    """Runs the misbehaviour that the item names; returns any other item unchanged."""
    return DEEDS[item](item) if item in DEEDS else item


def once(path):
    """Kills its process at the first call; returns "alive" at later ones."""
    mark = Path(path)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def say(text):
    sys.stdout.write(f"{text}\n")
    return text


def nested(number):
    from shoal import parallel

    return parallel.map(square, range(number)).result(20)


def scribble(array):
    array[0] = 7
    return array
