"""The stub is up to date: its parameters, defaults and docstrings are the extension's.

`python tests/test_stub.py --write` renews it. Names, defaults and docstrings come from the extension. The types of
shared options come from their table (`src/arguments/table.rs`). All other types are written in the stub and are kept:
a new function or property needs a line with its types there.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from shoal import Client, _shoal
from shoal._types import USE_CLIENT_DEFAULT

STUB = Path(_shoal.__file__).parent / "_shoal.pyi"
TYPES = _shoal._keyword_types()
WITH_OPTIONS = ("gather_fetch", "stream_fetch", "Request.__new__", "Client.")

Edit = tuple[int, int, list[str]]
"""First line, last line, and the lines that replace them."""


def option_type(function: str, name: str) -> str:
    text = TYPES[name]
    if (function, name) == ("stream_fetch", "progress"):
        text = f"Stream{text}"  # the total of a stream may be unknown
    of_client = inspect.signature(Client.gather).parameters.get(name)
    if of_client and of_client.default is USE_CLIENT_DEFAULT and not function.endswith(".__new__"):
        text = f"UseClientDefault | {text}"
    return text


def written(node: ast.FunctionDef) -> dict[str, tuple[str, bool]]:
    """Each parameter's type in the stub, and whether it has a default."""
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(positional) - len(node.args.defaults)) + [*node.args.defaults, *node.args.kw_defaults]
    return {
        argument.arg: (ast.unparse(argument.annotation) if argument.annotation else "", default is not None)
        for argument, default in zip([*positional, *node.args.kwonlyargs], defaults, strict=True)
    }


def parameters(function: str, thing: object, node: ast.FunctionDef, overloads: list[ast.FunctionDef]) -> str:
    """The parameters of the extension's function, with their types."""
    in_stub = [written(other) for other in overloads]
    with_options = function.startswith(WITH_OPTIONS) or getattr(thing, "__module__", "") == "shoal.parallel"
    shown = list(inspect.signature(thing).parameters.values())
    texts = []
    for parameter in shown:
        name = parameter.name
        type_, has_default = written(node).get(name, ("", True))
        tells_apart = len({other.get(name) for other in in_stub}) > 1  # the type differs between overloads
        if not tells_apart:
            has_default = True
            if parameter.kind is parameter.KEYWORD_ONLY and name in TYPES and with_options:
                type_ = option_type(function, name)
        assert type_ or name == "self", f"{function}: the stub has no type for {name}"
        text = f"{name}: {type_}" if type_ else name
        if parameter.default is not parameter.empty and has_default:
            text += " = ..." if parameter.default is ... else f" = {parameter.default!r}"
        texts.append(text)
    keyword_only = [at for at, parameter in enumerate(shown) if parameter.kind is parameter.KEYWORD_ONLY]
    positional_only = [at for at, parameter in enumerate(shown) if parameter.kind is parameter.POSITIONAL_ONLY]
    if keyword_only:
        texts.insert(keyword_only[0], "*")
    if positional_only and shown[positional_only[-1]].name != "self":
        texts.insert(positional_only[-1] + 1, "/")
    return ", ".join(texts)


def docstring(thing: object, indent: str) -> list[str]:
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "").replace("\\", "\\\\")
    end = '\n"""' if "\n" in text else '"""'
    return [f"{indent}{line}".rstrip() for line in f'"""{text}{end}'.splitlines()] if text else []


def definition(owner: str, node: ast.FunctionDef, thing: object, overloads: list[ast.FunctionDef]) -> list[str]:
    """The lines of a function, method or property, without decorators. The first overload has the docstring."""
    name, indent = f"{owner}{node.name}", " " * node.col_offset
    if any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
        text = "self"
    elif node.name == "__new__":
        text = ", ".join(filter(None, ["cls", parameters(name, getattr(_shoal, owner[:-1]), node, overloads)]))
    else:
        text = parameters(name, thing, node, overloads)
    head = f"{indent}def {node.name}({text}) -> {ast.unparse(node.returns)}:"
    documented = node.name != "__new__" and node is overloads[0] and docstring(thing, f"{indent}    ")
    return [head, *documented] if documented else [f"{head} ..."]


def edits(owner: str, of: object, body: list[ast.stmt]) -> list[Edit]:
    """The edits for a module or class. Special methods other than `__new__` are kept."""
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    names = {node.name for node in [*functions, *classes] if not node.name.startswith("__")}
    real = {name for name in vars(of) if not name.startswith("_")} - {"DEBUG_BUILD"}
    assert not real - names, f"{owner}{min(real - names)} is not in the stub"
    assert names <= {*vars(of)}, f"{owner}{min(names - {*vars(of)})} is in the stub but not in the extension"
    found: list[Edit] = []
    for node in functions:
        if node.name in names or node.name == "__new__":
            overloads = [other for other in functions if other.name == node.name]
            found.append((node.lineno, node.end_lineno, definition(owner, node, vars(of)[node.name], overloads)))
    for node in classes:
        first = node.body[0]
        start = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", []))])
        end = start - 1 if ast.get_docstring(node) is None else first.end_lineno
        found += [(start, end, docstring(vars(of)[node.name], "    "))]
        found += edits(f"{node.name}.", vars(of)[node.name], node.body)
    return found


def renewed(text: str) -> str:
    lines = text.splitlines()
    for start, end, replacement in sorted(edits("", _shoal, ast.parse(text).body), reverse=True):
        lines[start - 1 : end] = replacement
    return "\n".join([*lines, ""])


def canonical(text: str) -> str:
    """The stub without formatting."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant(ast.get_docstring(node)))
    return ast.unparse(tree)


def test_the_stub_matches_the_extension() -> None:
    text = STUB.read_text()
    is_fresh = canonical(text) == canonical(renewed(text))
    assert is_fresh, "python/shoal/_shoal.pyi differs from the extension: run python tests/test_stub.py --write"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    STUB.write_text(renewed(STUB.read_text()))
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "--quiet", STUB], check=True)
