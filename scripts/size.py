"""Nothing grows too long, and no module of exqueue keeps state: `size.py [ROOT]`; the limits are in pyproject.toml."""

from __future__ import annotations

import ast
import statistics
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULTS: Final = {"file": 300, "function": 40, "class": 200, "lua": 120}
FOLDERS: Final = ("exqueue", "tests", "scripts")
MUTABLE: Final = frozenset({"list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Something with a length. `kind`: the name of its limit."""

    kind: str
    path: Path
    line: int
    name: str
    lines: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name} {self.lines} lines"


def pieces(path: Path, source: str) -> Iterator[Piece]:
    """A file, and the functions and classes in it."""
    kind = "lua" if path.suffix == ".lua" else "file"
    yield Piece(kind, path, 1, path.name, len(source.splitlines()))
    if kind == "lua":
        return
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Piece("function", path, node.lineno, node.name, span(node) - docstring_lines(node))
        elif isinstance(node, ast.ClassDef):
            yield Piece("class", path, node.lineno, node.name, span(node))


def span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return 0 if ast.get_docstring(node) is None else span(node.body[0])


def state(path: Path, source: str) -> Iterator[str]:
    """What a module keeps and could change: a mutable global that is not Final, a `global` statement."""
    tree = ast.parse(source, str(path))
    for node in top_level(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if is_mutable(value):
                names = ", ".join(map(ast.unparse, targets))
            case ast.AnnAssign(target=target, annotation=annotation, value=ast.expr() as value) if is_mutable(value):
                names = "__all__" if is_final(annotation) else ast.unparse(target)
            case _:
                continue
        if names != "__all__":
            yield f"{path}:{node.lineno} {names} is a mutable global: make it Final, or hand it in"
    for found in ast.walk(tree):
        if isinstance(found, ast.Global):
            yield f"{path}:{found.lineno} global {', '.join(found.names)}: hand it in"


def top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run at import, also those under `if`, `try` and `with`."""
    rest: list[ast.AST] = list(reversed(tree.body))
    while rest:
        node = rest.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            continue
        if isinstance(node, ast.stmt):
            yield node
        rest += reversed(list(ast.iter_child_nodes(node)))


def is_mutable(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in MUTABLE
        case ast.Tuple(elts=elements):
            return any(map(is_mutable, elements))
        case _:
            return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def is_final(annotation: ast.expr) -> bool:
    outer = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return ast.unparse(outer).rpartition(".")[2] == "Final"


def summary(found: list[Piece]) -> str:
    files = [piece.lines for piece in found if piece.kind in {"file", "lua"}]
    functions = [piece for piece in found if piece.kind == "function"]
    text = f"{len(files)} files, median {statistics.median(files):.0f} lines"
    if not functions:
        return text
    median = statistics.median(piece.lines for piece in functions)
    return f"{text}; {len(functions)} functions, median {median:.0f} lines, longest {max(functions, key=lambda piece: piece.lines)}"


def main(root: Path) -> int:
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    limits = DEFAULTS | settings.get("tool", {}).get("exqueue-size", {})
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*")) if path.suffix in {".py", ".lua"}]
    sources = {path.relative_to(root): path.read_text("utf-8") for path in paths}
    found = [piece for path, source in sources.items() for piece in pieces(path, source)]
    offences = [f"{piece} > {limits[piece.kind]}" for piece in found if piece.lines > limits[piece.kind]]
    for path, source in sources.items():
        if path.parts[0] == "exqueue" and path.suffix == ".py":
            offences += state(path, source)
    if not found:
        offences.append(f"nothing to measure in {root}")
    print("\n".join(offences) or summary(found))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]))
