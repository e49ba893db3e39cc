"""The probes of a run find what is planted, and nothing where nothing is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rookery.errors import UserError
from rookery.pipelines.specialists.books import Wishes, settled
from rookery.pipelines.specialists.config import SpecialistsConfig, quick
from rookery.pipelines.specialists.fitted_on import read_fitted_on, write_fitted_on
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.phase1 import Phase1Trainer, stage_name
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.probes import Audited, certificate_of, narrow, wide
from rookery.pipelines.specialists.training import Learnt, Taught, Want, spans_of
from rookery.progress import Progress


def _follow(observed: Observed) -> Wishes:
    """Long where the last bar rose, known at its close."""
    close_TM = observed.data.bars.close_TM
    rose_TM = np.diff(close_TM, axis=0, prepend=close_TM[:1]) > 0
    return Wishes(weight_TM=np.where(rose_TM, 0.02, -0.02), groups=observed.groups)


def _peek(observed: Observed) -> Wishes:
    """Long where the next bar will rise."""
    close_TM = observed.data.bars.close_TM
    rises_TM = np.diff(close_TM, axis=0, append=close_TM[-1:]) > 0
    return Wishes(weight_TM=np.where(rises_TM, 0.02, -0.02), groups=observed.groups)


def _audited(want: Want, bars: PortfolioBars, config: SpecialistsConfig) -> Audited:
    spans = spans_of(bars, config)
    books = settled(spans.test.data, want(spans.test), config, shielded=True).books
    return Audited(
        config=config,
        data=bars,
        spans=spans,
        want=want,
        fitted_on={"forex": bars.split.train},
        equity=books.equity(),
        fills=books.fills(),
    )


@pytest.fixture(scope="module")
def honest(bars: PortfolioBars, small: SpecialistsConfig) -> Audited:
    return _audited(_follow, bars, small)


def test_an_honest_agent_passes_every_probe(honest: Audited):
    certificate = certificate_of(honest, "test", cuts=3, seed=0, progress=Progress(quiet=True))
    assert certificate.passed, str(certificate)


def test_an_agent_that_peeks_at_the_next_bar_is_caught(bars: PortfolioBars, small: SpecialistsConfig):
    certificate = certificate_of(_audited(_peek, bars, small), "test", cuts=3, seed=0, progress=Progress(quiet=True))
    assert {"future perturbation of decisions", "truncation of decisions"} & {one.name for one in certificate.failed}


def test_books_that_are_not_those_of_the_agent_are_caught(honest: Audited):
    altered = replace(honest, equity=honest.equity.with_columns(equity=honest.equity["equity"] + 1.0))
    certificate = certificate_of(altered, "test", cuts=1, seed=0, progress=Progress(quiet=True))
    assert [one.name for one in certificate.failed] == ["recomputation of books"]


def test_a_trainer_that_was_given_validation_is_caught(honest: Audited, bars: PortfolioBars, tmp_path: Path):
    config = quick()
    config = config.model_copy(update={"data": honest.config.data})
    trainer = Phase1Trainer(
        config,
        train=honest.spans.validation,
        validation=honest.spans.validation,
        output_dir=tmp_path / "run",
        progress=Progress(quiet=True),
    )
    trainer.train_specialist("forex")
    rows = read_fitted_on(tmp_path / "run" / stage_name("forex"), bars)
    assert rows == bars.split.validation
    certificate = certificate_of(
        replace(honest, fitted_on={"forex": rows}), "test", cuts=1, seed=0, progress=Progress(quiet=True)
    )
    assert [one.name for one in certificate.failed] == ["provenance of scales of forex"]
    learnt = Learnt(phases={1: Taught(want=_follow, evaluate=lambda _: {}, stages=(stage_name("forex"),))}, gates=())
    assert [one.inside_train for one in learnt.fits(tmp_path / "run", bars)] == [False]


def test_a_record_of_other_bars_is_refused(honest: Audited, bars: PortfolioBars, tmp_path: Path):
    write_fitted_on(tmp_path, honest.spans.validation)
    with pytest.raises(UserError, match="other bars"):
        read_fitted_on(tmp_path, bars.part(bars.split.train))


def test_a_portfolio_survives_a_round_trip_through_its_wide_table(bars: PortfolioBars):
    again = narrow(wide(bars), bars)
    assert (again.bars.quotes() == bars.bars.quotes()).all()
    assert (again.times.close_ns_T == bars.times.close_ns_T).all()
    assert (again.times.open_ns_T == bars.times.open_ns_T).all()
