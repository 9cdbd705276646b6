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
