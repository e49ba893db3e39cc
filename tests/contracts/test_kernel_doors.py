"""Parts of kernels that are compiled without a door from Python are named in kernels alone: a call ends the process."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for part in ("src", "tests", "benchmarks") for path in (ROOT / part).rglob("*.py"))
HOME = "rookery.market.compilation"
# What compiles a function, and so what may call a part that has no door.
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "hot", "inlined", "managed"}
DOORLESS = {"inlined", "managed"}
Door = tuple[str, str]


def parsed() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "src" if path.is_relative_to(ROOT / "src") else ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def decorators(function: ast.FunctionDef) -> set[str]:
    """Names of what a function is decorated by, without the modules that they come from."""
    bare = [one.func if isinstance(one, ast.Call) else one for one in function.decorator_list]
    return {
        one.attr if isinstance(one, ast.Attribute) else one.id
        for one in bare
        if isinstance(one, ast.Attribute | ast.Name)
    }


def doors(trees: Mapping[Path, ast.Module]) -> set[Door]:
    """Module and name of every part without a door."""
    return {
        (module_of(path), node.name)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_") and decorators(node) & DOORLESS
    }


def known_as(tree: ast.Module, module: str, closed: set[Door]) -> tuple[dict[str, str], dict[str, str]]:
    """Names in a file that stand for a part without a door, and those that stand for a module that has some."""
    names = {name: name for home, name in closed if home == module}
    homes = {home for home, _ in closed}
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for one in node.names:
                if (node.module, one.name) in closed:
                    names[one.asname or one.name] = one.name
                elif f"{node.module}.{one.name}" in homes:
                    modules[one.asname or one.name] = f"{node.module}.{one.name}"
        elif isinstance(node, ast.Import):
            modules |= {one.asname or one.name: one.name for one in node.names if one.name in homes}
    return names, modules


def in_python(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that Python itself runs: bodies of compiled functions are left out, `f.py_func` is Python's."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and decorators(child) & COMPILERS:
            continue
        if isinstance(child, ast.Attribute) and child.attr == "py_func":
            continue
        yield child
        yield from in_python(child)


def calls_from_python(trees: Mapping[Path, ast.Module]) -> list[str]:
    """Places where plain Python names a part without a door: a name that is passed on may be called where it ends."""
    closed, found = doors(trees), []
    for path, tree in trees.items():
        names, modules = known_as(tree, module_of(path), closed)
        for node in in_python(tree):
            direct = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names
            through = isinstance(node, ast.Attribute) and (modules.get(ast.unparse(node.value)), node.attr) in closed
            if direct or through:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    return found


def test_no_part_without_a_door_is_named_outside_a_kernel():
    trees = parsed()
    assert len(doors(trees)) > 20
    assert calls_from_python(trees) == []


KERNELS = f"from {HOME} import inlined\n@inlined\ndef _part(x):\n    return x\n"


@pytest.mark.parametrize(
    "caller",
    [
        "from rookery.market.kernels import _part\ndef plain():\n    return _part(1)\n",
        "from rookery.market.kernels import _part as part\nVALUE = part(1)\n",
        "from rookery.market import kernels\ndef plain():\n    return list(map(kernels._part, [1]))\n",
        "import rookery.market.kernels\ndef plain():\n    return rookery.market.kernels._part(1)\n",
    ],
)
def test_a_call_from_python_would_be_found(caller: str):
    trees = {
        ROOT / "src/rookery/market/kernels.py": ast.parse(KERNELS),
        ROOT / "tests/market/test_kernels.py": ast.parse(caller),
    }
    assert len(calls_from_python(trees)) == 1


def test_a_call_from_a_kernel_and_of_the_python_beneath_are_fine():
    kernel = (
        f"{KERNELS}@njit(cache=True)\ndef whole(x):\n    return _part(x)\ndef plain():\n    return _part.py_func(1)\n"
    )
    assert calls_from_python({ROOT / "src/rookery/market/kernels.py": ast.parse(kernel)}) == []
