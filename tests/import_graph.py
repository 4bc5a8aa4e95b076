"""The imports between the files of a Rust crate, as a graph."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

Module = tuple[str, ...]
Graph = dict[Module, set[Module]]


def module_of(path: Path, src: Path) -> Module:
    """The module that a file holds: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`, `src/lib.rs` is the root."""
    parts = path.relative_to(src).with_suffix("").parts
    return parts[:-1] if parts[-1] in {"mod", "lib"} else parts


def paths(tree: str, start: Module = ()) -> Iterator[Module]:
    """The paths of a use tree: `a::{b, c::d}` has `a::b` and `a::c::d`."""
    head, brace, rest = tree.partition("{")
    names = tuple(re.findall(r"\w+", re.sub(r"\bas\b.*", "", head)))
    if not brace:
        yield start + names
        return
    depth, branch = 1, ""
    for character in rest:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0 or (depth == 1 and character == ","):
            if branch.strip():
                yield from paths(branch, start + names)
            branch = ""
            if depth == 0:
                return
        else:
            branch += character


# A path, or the tree of a `use`, up to the end of the names or of the outermost braces.
TREE = r"(?:::\w+)*(?:::\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})?"


def imports(code: str, here: Module, modules: set[Module]) -> set[Module]:
    """The other modules of the crate that a file names."""
    found = set()
    children = {module[-1] for module in modules if module[:-1] == here and module}
    for first in re.finditer(rf"(?<![\w:$])(?:crate|super|self|{'|'.join(children) or 'crate'})(?=::){TREE}", code):
        for path in paths(first.group()):
            target, names = here, path
            while names and names[0] in {"crate", "self", "super"}:
                target = {"crate": (), "self": target, "super": target[:-1]}[names[0]]
                names = names[1:]
            while names and (*target, names[0]) in modules:
                target, names = (*target, names[0]), names[1:]
            found.add(target)
    return found - {here}


def import_graph(files: list[Path], src: Path, code_of: Callable[[Path], str]) -> Graph:
    """The modules of a crate that each file imports. `code_of` reads a file without comments and tests."""
    modules = {module_of(path, src): path for path in files if path.stem not in {"tests", "main"}}
    return {module: imports(code_of(path), module, set(modules)) for module, path in modules.items()}


def circles(graph: Graph) -> list[set[Module]]:
    """The sets of nodes that reach each other."""
    reached: Graph = {}
    for node in graph:
        seen, queue = set(), list(graph[node])
        while queue:
            following = queue.pop()
            if following not in seen:
                seen.add(following)
                queue.extend(graph.get(following, ()))
        reached[node] = seen
    found: list[set[Module]] = []
    for node in graph:
        circle = {other for other in reached[node] if node in reached.get(other, ())}
        if circle and circle not in found:
            found.append(circle)
    return found


def folded(graph: Graph, folder: Module) -> Graph:
    """The graph of what is in a folder, where each folder in it is one node."""
    depth = len(folder) + 1
    inside: Graph = {}
    for module, uses in graph.items():
        if len(module) >= depth and module[: depth - 1] == folder:
            near = {use[:depth] for use in uses if len(use) >= depth and use[: depth - 1] == folder}
            inside.setdefault(module[:depth], set()).update(near - {module[:depth]})
    return inside


def told(circle: set[Module], graph: Graph) -> str:
    """The circle's imports, for the message."""
    edges = sorted((node, use) for node in circle for use in graph[node] & circle)
    return ", ".join(f"{'::'.join(node) or 'lib'} -> {'::'.join(use) or 'lib'}" for node, use in edges)
