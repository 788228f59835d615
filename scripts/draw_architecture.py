"""Draw the layers of the code into ``docs/architecture.md``, as a Mermaid picture, from its imports.

    python scripts/draw_architecture.py

Imports inside functions count; those that only type checkers read do not. An arrow that other arrows imply is left
out. ``tests/test_architecture.py`` checks that the picture is up to date.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by scripts/draw_architecture.py -->", "<!-- end of the drawing -->"
TOPS = ("pages", "engine", "models")

Graph = dict[str, set[str]]


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the app by its dotted name; a package has the name of its folder."""
    found = {}
    for path in sorted(path for top in TOPS for path in (root / top).rglob("*.py")):
        found[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def imports(tree: ast.AST, known: Iterable[str]) -> set[str]:
    """Return which of the known modules a module imports, anywhere in it.

    Args:
        tree: Of the module.
        known: Names of modules.

    Returns:
        Names; of ``from a import b`` it is ``a.b`` where that is a module, else ``a``.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in whole.values()}
        waiting += ast.iter_child_nodes(node)
    return found & set(known)


def module_graph(root: Path = ROOT) -> Graph:
    """Return which module imports which."""
    known = modules(root)
    return {name: imports(ast.parse(path.read_text()), known) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """Return the part of the house that a module belongs to: a folder of the engine, or a whole top folder.

    Example:
        >>> room("engine.hashing.losses.cosine"), room("engine.cli"), room("pages.components.kit.words")
        ('engine/hashing', 'engine/cli', 'pages')
    """
    parts = module.split(".")
    return "/".join(parts[:2]) if parts[0] == "engine" and len(parts) > 1 else parts[0]


def room_graph(graph: Mapping[str, set[str]]) -> Graph:
    """Return which room imports from which; foundations that all use (errors, files) are left out."""
    rooms: Graph = {}
    for module, targets in graph.items():
        rooms.setdefault(room(module), set()).update(map(room, targets))
    plain = {"engine", "engine/errors", "engine/files", "engine/__main__"}
    return {name: targets - plain - {name} for name, targets in rooms.items() if name not in plain}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups whose members import one another in a circle, each sorted.

    Example:
        >>> circles({"a": {"b"}, "b": {"a"}, "c": {"a"}})
        [['a', 'b']]
    """
    reach = {name: reachable(graph, name) for name in graph}
    groups = {tuple(sorted(b for b in reach[a] if a in reach.get(b, ()))) for a in graph if a in reach[a]}
    return sorted(map(list, groups))


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Return all that is imported from ``start``, directly or not; ``start`` itself only where there is a circle."""
    found: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


def reduced(graph: Mapping[str, set[str]]) -> Graph:
    """Leave out every arrow that a longer way implies; arrows inside a circle stay.

    Example:
        >>> reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()})
        {'a': {'b'}, 'b': {'c'}, 'c': set()}
    """
    reach = {name: reachable(graph, name) for name in graph}
    return {
        name: {
            target
            for target in targets
            if not any(target in reach[other] and name not in reach[other] for other in targets - {target})
        }
        for name, targets in graph.items()
    }


def draw(graph: Mapping[str, set[str]]) -> str:
    """Return a graph of rooms as a Mermaid flowchart, higher rooms above."""
    lines = ["```mermaid", "flowchart TD"]
    arrows = reduced(graph)
    for name in sorted(arrows):
        lines += [f"    {_label(name)} --> {_label(target)}" for target in sorted(arrows[name])]
    return "\n".join([*lines, "```"])


def _label(name: str) -> str:
    return f'{name.replace("/", "_")}["{name}"]'


def documented(text: str, drawing: str) -> str:
    """Return the document with the drawing between its two marks."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{drawing}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the drawing into the document."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(documented(text, draw(room_graph(module_graph()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
