"""A module's parameters as views of one vector."""

import pytest
import torch
from torch import nn

from rookery.learning.flat_parameters import flatten_parameters


def test_values_and_gradients_are_views_of_one_vector():
    layer = nn.Linear(2, 3)
    before = torch.cat([layer.weight.detach().reshape(-1), layer.bias.detach()])
    flat = flatten_parameters(layer)
    assert flat.starts == {"weight": 0, "bias": 6}
    torch.testing.assert_close(flat.values_P.detach(), before, rtol=0, atol=0)
    layer(torch.ones(4, 2)).sum().backward()
    assert flat.gradient_P.tolist() == [4.0] * 9
    with torch.no_grad():
        flat.values_P.fill_(1.0)
    assert layer(torch.ones(1, 2)).tolist() == [[3.0] * 3]


def test_loading_weights_writes_into_the_vector():
    layer, other = nn.Linear(2, 1), nn.Linear(2, 1)
    flat = flatten_parameters(layer)
    layer.load_state_dict(other.state_dict())
    assert flat.values_P[:2].tolist() == other.weight.reshape(-1).tolist()


def test_frozen_parameters_are_left_out():
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad_(False)
    assert flatten_parameters(layer).starts == {"bias": 0}


def test_parameters_of_two_types_are_refused():
    with pytest.raises(ValueError, match="2 kinds"):
        flatten_parameters(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).double()))
