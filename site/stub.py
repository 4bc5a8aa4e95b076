"""A griffe extension: makes a reference of the stub.

- A stub has the overloads of a function and no implementation, which griffe needs: the first overload takes its place.
- A class has its arguments in `__new__`; griffe documents those of `__init__`.
- In docstrings, examples become Python blocks, names of the API links, and `a, b: as for c` an entry for each name.
- `examples.md` has more examples, which are added to the docstrings.
- A warning, such as an argument that is documented and does not exist, ends the build.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import griffe

PUBLIC = ("shoal", "shoal.parallel", "shoal.testing")
EXAMPLES = Path(__file__).with_name("examples.md")
NAME = re.compile(r"(?<![`\[])`([A-Za-z_][\w.]*)(\(\))?`(?![`\]])")
SHARED = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<text>.*)$")


class Strict(logging.Handler):
    """Raises what would be a line among others."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging."""
        raise ValueError(record.getMessage())


logging.getLogger("mkdocs.plugins").addHandler(Strict(logging.WARNING))


class Stub(griffe.Extension):
    """Called by griffe."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:  # noqa: ANN401 - griffe's interface
        """Called once a package is loaded."""
        _complete(pkg)
        _add_examples(pkg)
        _improve(pkg, _links(pkg))


def _complete(of: griffe.Module | griffe.Class) -> None:
    for name, overloads in of.overloads.items():
        if name not in of.members:
            of.set_member(name, overloads[0])
    if of.is_class and "__new__" in of.members:
        new = of.members["__new__"]
        new.name = "__init__"
        new.returns = None
        of.del_member("__new__")
        of.set_member("__init__", new)
    for member in list(of.members.values()):
        if not member.is_alias and (member.is_module or member.is_class):
            _complete(member)


def _add_examples(package: griffe.Module) -> None:
    text = re.sub(r"^<!-- run\n.*?^-->\n", "", EXAMPLES.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for section in text.split("\n## ")[1:]:
        path, _, example = section.partition("\n")
        thing = package
        for name in path.split(".")[1:]:
            thing = thing.members[name]
            thing = thing.final_target if thing.is_alias else thing
        first, _, rest = thing.docstring.value.partition("\n\n")
        thing.docstring.value = f"{first}\n\n{example.strip()}\n\n{rest}".rstrip()


def _links(package: griffe.Module) -> dict[str, str]:
    """The anchor of each name of the API, as docstrings write it."""
    found = {}
    for path in PUBLIC:
        module = package if path == package.path else package[path.removeprefix(f"{package.path}.")]
        short = path.removeprefix("shoal.").removeprefix("shoal")
        for name in module.exports or ():
            anchor = f"{path}.{name}"
            names = {anchor, f"{short}.{name}" if short else name}
            thing = module.members.get(name)
            if short != "parallel":
                names.add(name)
            found |= dict.fromkeys(names, anchor)
            if thing is not None and (thing.final_target if thing.is_alias else thing).is_class:
                for member in thing.members:
                    if not member.startswith("_") and thing.members[member].docstring:
                        found |= dict.fromkeys((f"{each}.{member}" for each in names), f"{anchor}.{member}")
    found |= {name: f"shoal.parallel.{name}" for name in package["parallel"].exports if "_" in name}
    return {name: anchor for name, anchor in found.items() if anchor not in PUBLIC}


def _improve(of: griffe.Object, links: dict[str, str]) -> None:
    if of.docstring:
        of.docstring.value = _markdown(of.docstring.value, of, links)
    for member in of.members.values():
        if not member.is_alias:
            _improve(member, links)


def _markdown(text: str, of: griffe.Object, links: dict[str, str]) -> str:
    lines = [line for old in text.splitlines() for line in _entries(old)]
    lines = _fenced(_prose_of_raises(lines))
    is_code = False
    for at, line in enumerate(lines):
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code:
            lines[at] = NAME.sub(lambda match: _link(match, of, links), line)
    return "\n".join(lines)


def _entries(line: str) -> list[str]:
    """`a, b: as for c` as an entry for each name."""
    match = SHARED.match(line)
    if match is None or "Error" in match["names"]:
        return [line]
    return [f"{match['indent']}{name}: {match['text']}" for name in match["names"].split(", ")]


def _prose_of_raises(lines: list[str]) -> list[str]:
    """`Raises:` with a sentence in place of a list is a paragraph."""
    for at, line in enumerate(lines[:-1]):
        if line == "Raises:" and re.match(r" +As ", lines[at + 1]):
            end = next((index for index in range(at + 1, len(lines)) if not lines[index].strip()), len(lines))
            sentence = " ".join(part.strip() for part in lines[at + 1 : end])
            sentence = sentence.removeprefix("As ").replace(";", " raises;", 1)
            return [*lines[:at], f"Raises what {sentence}", *lines[end:]]
    return lines


def _fenced(lines: list[str]) -> list[str]:
    """Indented blocks between empty lines as Python blocks. Those of sections follow a line that ends in a colon."""
    made: list[str] = []
    block: list[str] = []
    for at, line in enumerate([*lines, ""]):
        if block and line.strip() and not line.startswith("    "):
            _close(made, block)
        if line.startswith("    ") and (block or (at and not lines[at - 1].strip())):
            block.append(line[4:])
        elif block and not line.strip():
            block.append("")
        else:
            made.append(line)
    _close(made, block)
    return made


def _close(made: list[str], block: list[str]) -> None:
    while block and not block[-1]:
        block.pop()
    if block:
        made += ["```python", *block, "```", ""]
    block.clear()


def _link(match: re.Match[str], of: griffe.Object, links: dict[str, str]) -> str:
    name, call = match[1], match[2] or ""
    owner = of if of.is_class else of.parent
    anchor = links.get(name)
    if owner is not None and owner.is_class and name in owner.members and owner.name in links:
        anchor = links.get(f"{owner.name}.{name}") if name != of.name else None
    if anchor is None or anchor.endswith(f".{of.name}"):
        return match[0]
    return f"[`{name}{call}`][{anchor}]"
