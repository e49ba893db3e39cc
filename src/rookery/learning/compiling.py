"""A network run through torch.compile, where the machine has what that needs."""

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rookery.errors import UserError


def compiled(model: nn.Module, device: torch.device) -> Callable[..., Any]:
    """`model` as a compiled call on the same weights; itself it stays as it is. Raises UserError without a compiler."""
    named = os.environ.get("CXX" if device.type == "cpu" else "CC")
    usual = (["clang++"] if sys.platform == "darwin" else ["g++"]) if device.type == "cpu" else ["gcc", "clang"]
    wanted = [named] if named else usual
    if not any(shutil.which(one) for one in wanted):
        kind, variable = ("C++", "CXX") if device.type == "cpu" else ("C", "CC")
        raise UserError(
            f"needs a {kind} compiler, and there is no {' or '.join(wanted)}",
            place="compile",
            remedy=f"install one, name it in the environment variable {variable}, or set compile to false",
        )
    # What was compiled before in this process, and the order in which batches of two lengths come, must not decide
    # the bits: torch would go over to one kernel for all lengths, or to none after its limit of kernels.
    torch.compiler.reset()
    network: Callable[..., Any] = torch.compile(model, dynamic=False)
    return network
