"""torch.compile: asked for by a setting, refused in one line where the machine lacks what it needs."""

from pathlib import Path

import pytest
import torch
from torch import nn

from rookery.errors import UserError
from rookery.learning.compiling import compiled


@pytest.mark.parametrize(
    ("device", "variable", "what"),
    [
        ("cpu", "CXX", r"needs a C\+\+ compiler, and there is no "),
        ("cuda", "CC", "needs a C compiler, and there is no gcc or clang"),
    ],
)
def test_without_a_compiler_it_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, variable: str, what: str
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UserError, match=what) as fault:
        compiled(nn.Linear(2, 2), torch.device(device))
    assert fault.value.remedy is not None
    assert fault.value.remedy.endswith(f"name it in the environment variable {variable}, or set compile to false")


def test_a_compiler_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="there is no no-such-compiler"):
        compiled(nn.Linear(2, 2), torch.device("cpu"))
