"""The tests themselves: what they may use of each other and of the product."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))


def imported_modules(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        elif isinstance(node, ast.Import):
            found += [name.name for name in node.names]
    return found


def test_no_test_imports_another_test_module() -> None:
    """What several tests share stands in tests/support, where nobody looks for promises."""
    others = {".".join(path.relative_to(TESTS.parent).with_suffix("").parts) for path in FILES}
    test_modules = {name for name in others if name.rpartition(".")[2].startswith("test_")}
    assert len(test_modules) > 100

    found = [
        (str(path.relative_to(TESTS)), name)
        for path in FILES
        for name in imported_modules(ast.parse(path.read_text("utf-8")))
        if name in test_modules
    ]

    assert found == []


def test_no_test_uses_what_is_private_elsewhere() -> None:
    """A name with an underscore belongs to its module; a test that needs it needs a public way."""
    found = [
        f"{path.relative_to(TESTS)}:{line} {name}"
        for path in FILES
        for line, name in private_uses(ast.parse(path.read_text("utf-8")))
    ]

    assert found == []


def private_uses(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the private names that a module uses and does not define, with their lines."""
    own = set()
    uses = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                own.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                own.add(name)
            case ast.Attribute(attr=name):
                uses.append((node.lineno, name))
            case ast.ImportFrom(names=names):
                uses += [(node.lineno, alias.name) for alias in names]
            # monkeypatch.setattr(module, "_name", …)
            case ast.Call(
                func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(str(name)), *_]
            ):
                uses.append((node.lineno, name))
    return [
        (line, name)
        for line, name in uses
        if name.startswith("_") and not name.startswith("__") and name not in own
    ]


def test_the_check_would_notice_private_uses() -> None:
    source = """
from findme.cli import _parser
class Mine:
    def _own(self): self._ours = 1
Mine()._own()
queue._run(job)
monkeypatch.setattr(queue, "_replica", 1)
"""
    assert private_uses(ast.parse(source)) == [(2, "_parser"), (7, "_replica"), (6, "_run")]
