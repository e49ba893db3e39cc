"""Sequences as tensors."""

import numpy as np
import pytest
import torch

from rookery.datasets.batches import SequenceBatches, TargetUnits
from rookery.datasets.scaling import Scalers, fit_scalers
from rookery.datasets.sequences import Sequences


@pytest.fixture
def scalers(sequences: Sequences) -> Scalers:
    return fit_scalers(sequences, range(100), clip=5.0)


def _batches(sequences: Sequences, scalers: Scalers) -> SequenceBatches:
    return SequenceBatches(sequences, scalers, TargetUnits(), device=torch.device("cpu"))


def test_a_batch_holds_the_scaled_windows_that_were_asked_for(sequences: Sequences, scalers: Scalers):
    inputs, _ = _batches(sequences, scalers).take(torch.tensor([7, 300, 7]))
    wanted = scalers.core.transform(sequences.core_NLF[[7, 300, 7]])
    assert inputs.core_BLF.shape == (3, 30, 6)
    assert np.array_equal(inputs.core_BLF.numpy(), wanted)
    assert np.array_equal(
        inputs.conditions_BC.numpy(), scalers.conditions.transform(sequences.conditions_NC[[7, 300, 7]])
    )


def test_targets_are_counted_in_their_units(sequences: Sequences, scalers: Scalers):
    _, targets = _batches(sequences, scalers).take(torch.tensor([7]))
    assert targets.side_B.tolist() == [0]
    assert targets.size_B.tolist() == pytest.approx([36 / 400 / 0.1])
    assert targets.slippage_B.tolist() == [1.0]
    assert targets.deadline_B.tolist() == [1.0]


def test_a_part_gives_the_windows_of_the_whole(sequences: Sequences, scalers: Scalers):
    part = _batches(sequences.part(range(50, 60)), scalers)
    whole = _batches(sequences, scalers)
    assert len(part) == 10
    assert torch.equal(part.take(torch.arange(10))[0].core_BLF, whole.take(torch.arange(50, 60))[0].core_BLF)


def test_the_sequences_are_not_written_to(sequences: Sequences, scalers: Scalers):
    before = sequences.core_RF.copy()
    inputs, _ = _batches(sequences, scalers).take(torch.arange(4))
    inputs.core_BLF.fill_(9.0)
    assert np.array_equal(sequences.core_RF, before)
