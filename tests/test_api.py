"""All public names and signatures are compared with `api.txt`, so that a change of the API appears in a diff.

`python tests/test_api.py --write` updates the file; the change log describes its diff.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from pathlib import Path
from types import ModuleType

import shoal
import shoal.exceptions
import shoal.parallel
import shoal.testing

SNAPSHOT = Path(__file__).parent / "api.txt"
MODULES = [shoal, shoal.exceptions, shoal.parallel, shoal.testing]
HEAD = "# Public names and signatures. Renewed by `python tests/test_api.py --write`.\n"
# Special methods that are part of the API of a class.
PROTOCOLS = [
    *("__aenter__", "__aexit__", "__aiter__", "__anext__", "__array__", "__arrow_c_array__", "__arrow_c_schema__"),
    *("__arrow_c_stream__", "__await__", "__bool__", "__buffer__", "__class_getitem__", "__contains__", "__enter__"),
    *("__eq__", "__exit__", "__getattr__", "__getitem__", "__hash__", "__iter__", "__len__", "__next__", "__reduce__"),
]


def names(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__)


def signature(thing: object) -> str:
    try:
        shown = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(...)"
    # Annotations are left out: those of the extension are in the stub, which stubtest checks.
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in shown.parameters.values()]
    return str(shown.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def member(name: str, thing: object) -> str:
    if isinstance(thing, (classmethod, staticmethod)):
        return f"{type(thing).__name__} {name}{signature(thing.__func__)}"
    if inspect.isroutine(thing):
        return f"{name}{signature(thing)}"
    return f"{name}: attribute"


def members(cls: type) -> list[str]:
    own = [member(name, thing) for name, thing in sorted(vars(cls).items()) if not name.startswith("_")]
    # Before 3.14 a dataclass has no class attribute for a field without a default.
    fields = [f"{name}: attribute" for name in inspect.get_annotations(cls) if not name.startswith("_")]
    able = [name for name in PROTOCOLS if name in vars(cls) and vars(cls)[name] is not None]
    return [*sorted({*own, *fields}), *([f"able: {' '.join(able)}"] if able else [])]


def described(module: ModuleType) -> list[str]:
    lines = [f"[{module.__name__}]"]
    for name in names(module):
        thing = getattr(module, name)
        if inspect.isclass(thing):
            if thing.__module__ == "shoal.exceptions" and module is shoal:
                lines.append(f"{name}: as in shoal.exceptions")
                continue
            bases = ", ".join(base.__qualname__ for base in thing.__bases__ if base is not object)
            lines.append(
                f"class {name}({bases})" if issubclass(thing, BaseException) else f"class {name}{signature(thing)}"
            )
            lines.extend(f"    {line}" for line in members(thing))
        elif inspect.isroutine(thing):
            lines.append(f"{name}{signature(thing)}")
        else:
            lines.append(f"{name}: {type(thing).__name__}")
    return [*lines, ""]


def api() -> str:
    return "\n".join([HEAD, *(line for module in MODULES for line in described(module))])


def test_public_names_and_signatures_match_the_snapshot() -> None:
    changes = difflib.unified_diff(
        SNAPSHOT.read_text().splitlines(), api().splitlines(), "api.txt", "now", n=1, lineterm=""
    )
    diff = "\n".join(changes)
    assert not diff, f"the public API has changed:\n{diff}\nif that is meant: python tests/test_api.py --write"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    SNAPSHOT.write_text(api())
