"""How the functions that run once per bar and account are compiled.

Without numba's own memory management (its option `_nrt`): else every mention of an array in a record counts a
reference, atomically, there and back, and the bar ledger takes 117 ns a bar in place of 10. It is sound here because
these functions only read and write arrays that their caller holds, and allocate none; numba refuses to compile one
that would. What allocates is `managed`.

A part whose name begins with an underscore is compiled without its door from Python, which takes a record apart field
by field and is up to half of what there is to compile: calling one outside a kernel ends the process. No part gets
the door from C that numba makes as well.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
_MANAGED: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": True}
_HOT = _MANAGED | {"_nrt": False}


def hot(function: Function) -> Function:
    """Compile a kernel that allocates nothing."""
    return cast(Function, njit(**_HOT)(function))


def inlined(function: Function) -> Function:
    """Compile a part of such kernels into each of its callers."""
    return cast(Function, njit(**_HOT | _doors(function), forceinline=True)(function))


def managed(function: Function) -> Function:
    """Compile a part of such kernels that makes arrays, or views of them: it keeps its own memory management."""
    return cast(Function, njit(**_MANAGED | _doors(function))(function))


def _doors(function: Callable[..., Any]) -> dict[str, Any]:
    return {"no_cfunc_wrapper": True, "no_cpython_wrapper": function.__name__.startswith("_")}
