"""The phases in their order, each behind the gate of the one before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rookery.evaluation.report.hierarchy import Curve, PhaseGate
from rookery.evaluation.report.record import FitRange
from rookery.pipelines.specialists.books import Wishes, in_equal_parts
from rookery.pipelines.specialists.config import PhaseNumber, SpecialistsConfig
from rookery.pipelines.specialists.curves import read_curves
from rookery.pipelines.specialists.engines import Engine, train_on_ray
from rookery.pipelines.specialists.fitted_on import read_fitted_on
from rookery.pipelines.specialists.learning import joint_rates
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.phase1 import Phase1Trainer, stage_name
from rookery.pipelines.specialists.phase2 import STAGE as META
from rookery.pipelines.specialists.phase2 import Phase2Trainer
from rookery.pipelines.specialists.phase3 import STAGE as JOINT
from rookery.pipelines.specialists.phase3 import Phase3JointTrainer
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.stages import gate_stage
from rookery.run import Run

Want = Callable[[Observed], Wishes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spans:
    """What there is to see of each part of a portfolio; features of a part were made of all bars before it, too."""

    train: Observed
    validation: Observed
    test: Observed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """A phase that was trained: what its agent wants of a span, and the stages that hold it (see `learner_of`).

    `evaluate(n)` gives its measures with intervals on the validation bars, and what n episodes there were paid.
    """

    want: Want
    evaluate: Callable[[int], Mapping[str, Any]]
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """The phases that were trained, by number, and their gates."""

    phases: Mapping[PhaseNumber, Taught]
    gates: tuple[PhaseGate, ...]

    @property
    def stopped(self) -> PhaseGate | None:
        """The gate that ended the training before its time."""
        return next((gate for gate in self.gates if gate.applied and not gate.passed), None)

    @property
    def stages(self) -> tuple[str, ...]:
        """Every stage of training, gates among them, in their order."""
        rows = [(*taught.stages, gate_name(phase)) for phase, taught in self.phases.items()]
        return tuple(stage for row in rows for stage in row)

    def curves(self, made: Run) -> tuple[Curve, ...]:
        """What every network's metrics say of its learning."""
        learners = [(phase, stage) for phase, taught in self.phases.items() for stage in taught.stages]
        return read_curves([(phase, learner_of(stage), made.path / stage) for phase, stage in learners])

    def fitted_on(self, path: Path, data: PortfolioBars) -> Mapping[str, range]:
        """Rows of `data` that every network of the run in `path` learnt from, by its own stage's record."""
        stages = [stage for taught in self.phases.values() for stage in taught.stages]
        return {learner_of(stage): read_fitted_on(path / stage, data) for stage in stages}

    def fits(self, path: Path, data: PortfolioBars) -> tuple[FitRange, ...]:
        """Weights, and the moments by which networks standardise what they see, come from these bars."""
        train = data.split.train
        return tuple(
            FitRange(
                name=f"scales of {name}",
                first_row=rows[0],
                last_row=rows[-1],
                inside_train=rows[0] in train and rows[-1] in train,
            )
            for name, rows in self.fitted_on(path, data).items()
        )


def spans_of(data: PortfolioBars, config: SpecialistsConfig) -> Spans:
    """Everything that agents see, reckoned once, and cut into its parts."""
    whole = observe(data, {group: config.specialist(group).instruments for group in data.groups})
    split = data.split
    return Spans(train=whole.part(split.train), validation=whole.part(split.validation), test=whole.part(split.test))


def learner_of(stage: str) -> str:
    """What a stage's network is called: `phase1_forex` holds forex."""
    return stage.split("_", 1)[1].replace("_", "-")


def gate_name(phase: PhaseNumber) -> str:
    """The stage of a phase's gate."""
    return f"phase{phase}_gate"


def train_phases(
    made: Run,
    spans: Spans,
    config: SpecialistsConfig,
    *,
    last: PhaseNumber,
    gated: bool,
    engine: Engine = "threads",
) -> Learnt:
    """Train phase 1 to `last`, or load what is finished; with `gated` a phase starts when the one before has passed."""
    if last == 3:
        # Told before the hours that phases 1 and 2 may take.
        joint_rates(config)
        spans.validation.halves(config.data.embargo)
    phases: dict[PhaseNumber, Taught] = {}
    gates: list[PhaseGate] = []

    def closed(phase: PhaseNumber, judged_on: Observed = spans.validation, span: str = "validation") -> bool:
        """Hold `phase` against its baselines on bars that had no part in it; whether nothing comes after it."""
        stages = [stage for taught in phases.values() for stage in taught.stages]
        gates.append(
            gate_stage(
                made,
                gate_name(phase),
                phase,
                judged_on.data,
                partial(phases[phase].want, judged_on),
                inputs={f"{stage}/{name}": one for stage in stages for name, one in made.hashes(stage).items()},
                equal=None if phase == 1 else partial(phases[1].want, judged_on),
                span=span,
                applied=gated,
            )
        )
        return phase == last or (gated and not gates[-1].passed)

    first = _first(made, spans, config, engine)
    phases[1] = Taught(
        want=_in_parts(first),
        evaluate=lambda count: {name: first.evaluate_specialist(name, count) for name in first.specialists},
        stages=tuple(stage_name(name) for name in first.specialists),
    )
    if closed(1):
        return Learnt(phases=phases, gates=tuple(gates))
    second = _second(made, spans, config, first)
    phases[2] = Taught(
        want=second.wishes, evaluate=lambda count: {"meta-controller": second.evaluate(count)}, stages=(META,)
    )
    if closed(2):
        return Learnt(phases=phases, gates=tuple(gates))
    third = _third(made, spans, config, first, second)
    phases[3] = Taught(want=third.wishes, evaluate=lambda count: {"joint": third.evaluate(count)}, stages=(JOINT,))
    closed(3, third.judged_on, "second half of validation")
    return Learnt(phases=phases, gates=tuple(gates))


def _first(made: Run, spans: Spans, config: SpecialistsConfig, engine: Engine) -> Phase1Trainer:
    trainer = Phase1Trainer(
        config,
        train=spans.train,
        validation=spans.validation,
        output_dir=made.path,
        seed=made.seed,
        progress=made.progress,
    )
    if engine == "ray":
        train_on_ray(made, trainer.specialists, spans.train, spans.validation, config)
    trainer.fit(made)
    return trainer


def _second(made: Run, spans: Spans, config: SpecialistsConfig, first: Phase1Trainer) -> Phase2Trainer:
    trainer = Phase2Trainer(
        config,
        train=spans.train,
        validation=spans.validation,
        output_dir=made.path,
        specialists=first.specialists,
        seed=made.seed,
        progress=made.progress,
    )
    trainer.fit(made)
    return trainer


def _third(
    made: Run, spans: Spans, config: SpecialistsConfig, first: Phase1Trainer, second: Phase2Trainer
) -> Phase3JointTrainer:
    trainer = Phase3JointTrainer(
        config,
        train=spans.train,
        validation=spans.validation,
        output_dir=made.path,
        specialists=first.specialists,
        meta=second.meta,
        seed=made.seed,
        progress=made.progress,
    )
    trainer.fit(made)
    return trainer


def _in_parts(trainer: Phase1Trainer) -> Want:
    def want(observed: Observed) -> Wishes:
        return in_equal_parts({name: trainer.wishes(name, observed) for name in observed.groups}, observed.data)

    return want
