"""Training a twin, and judging one."""

from pathlib import Path
from typing import Literal

import torch
from torch import nn

from rookery.datasets.trajectories import TrajectoryBatches
from rookery.labels.trader import ACTIONS
from rookery.learning.fit import History, evaluate, fit
from rookery.learning.objectives import TwinLoss, TwinLossConfig
from rookery.learning.reproducible import choose_device, reproducible
from rookery.learning.training import FitConfig
from rookery.models.decision_transformer import TraderDecisionTransformer
from rookery.progress import Progress
from rookery.run import Run, Stage

STAGE = "training"
# Epochs and batch are the specification's. The rate is what a few hundred windows can be learnt with in so many steps.
TWIN_FIT = FitConfig(num_epochs=50, batch_size=32, learning_rate=5e-4, patience=8)


class TraderTrainer:
    """Trains a network on windows of trajectories by the one supervised loop: checkpoints, resume, TensorBoard.

    The loss is the specification's, but that a return-to-go counts in units of its deviation over the training part
    where that is above 1 (returns x 100), lest the squared error drown the actions; give `loss` to say otherwise.
    bfloat16 on a GPU and torch.compile are settings of `config`.
    """

    def __init__(
        self,
        model: TraderDecisionTransformer,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        *,
        config: FitConfig = TWIN_FIT,
        loss: TwinLossConfig | None = None,
    ) -> None:
        self.device = choose_device(device)
        self.model = model.to(self.device)
        self.config = config.model_copy(update={"device": device})
        self._loss = loss

    def train(
        self,
        train: TrajectoryBatches,
        validation: TrajectoryBatches,
        *,
        output_dir: str | Path,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> History:
        """Train in the run directory `output_dir`; leave the best validated epoch's weights in the model.

        Called again after a kill it goes on from the last whole checkpoint and ends with the same bits. TensorBoard
        reads `output_dir`/logs/tensorboard.
        """
        with (
            Run(output_dir, config=self.config, seed=seed, progress=progress) as run,
            run.stage(STAGE) as stage,
        ):
            return self.fit(train, validation, run=run, stage=stage)

    def fit(self, train: TrajectoryBatches, validation: TrajectoryBatches | None, *, run: Run, stage: Stage) -> History:
        """`train` within a run that is under way; without validation the last epoch is kept, as `config` must say."""
        self.model.rtg_range.copy_(torch.tensor(train.trajectories.rtg_range))
        self.model.rtg_unit.fill_(train.trajectories.rtg_unit)
        return fit(self.model, self.objective(), train, validate=validation, config=self.config, run=run, stage=stage)

    def objective(self) -> TwinLoss:
        """The loss, with the unit of the network as it stands."""
        config = self._loss or TwinLossConfig(rtg_unit=max(1.0, float(self.model.rtg_unit)))
        return TwinLoss(config, actions=_names(self.model.config.action_dim))

    def validate(self, batches: TrajectoryBatches) -> dict[str, float]:
        """`loss`, its terms, `accuracy`, `macro_f1`, F1 by action, `log_loss` (nats per bar) and `rtg_rmse` (x 100).

        Neither learns nor uses noise.
        """
        with reproducible(self.config.num_threads):
            return evaluate(self.model, self.objective(), batches, device=self.device)


def parameters(model: nn.Module) -> int:
    """How many numbers a network has learnt."""
    return sum(value.numel() for value in model.parameters())


def _names(kinds: int) -> tuple[str, ...]:
    return ACTIONS if kinds == len(ACTIONS) else tuple(f"action_{number}" for number in range(kinds))
