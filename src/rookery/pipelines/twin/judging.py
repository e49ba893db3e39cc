"""A trained twin in markets that it has not learnt from: what it foretells, what it earns, and who the trader is."""

# S held-out markets

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rookery.evaluation.identifiability.trader import (
    TraderDescription,
    describe,
    market_books,
    payoffs,
    profits_by_market,
)
from rookery.evaluation.verdict import Gate
from rookery.labels.trader import ACTIONS
from rookery.measures import Floats
from rookery.pipelines.twin.acting import Asked, ask, levels
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.fees import TakerFee
from rookery.pipelines.twin.foretelling import TOLD, TWIN, Foretelling, foretell
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.replay import Replayed, Sizes, as_given, median_sizes, replay
from rookery.pipelines.twin.tables import TwinTables
from rookery.progress import Progress
from rookery.tables import write_table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What came of it on the held-out markets, in order of opening.

    `asked` has a level of return each, `twin` is the middle one of them replayed; `copy` is the trader's own actions
    carried out as the twin's are, `trader_S` his own profit (USDC, settled, before fees). `settled` counts markets
    whose outcome is known, `ends_ms` are their closes. `trader` is of all complete markets, the training ones too.
    `gates` are all rules that must pass before anything is claimed.
    """

    foretelling: Foretelling
    asked: tuple[Asked, ...]
    twin: Replayed
    copy: Replayed
    trader_S: Floats
    markets: tuple[str, ...]
    ends_ms: tuple[int, ...]
    settled: int
    sizes: Sizes
    fee: TakerFee
    target_range: tuple[float, float]
    trader: TraderDescription
    gates: tuple[Gate, ...]


def judge(
    tables: TwinTables,
    inference: TraderInference,
    *,
    config: TwinConfig,
    seed: int,
    progress: Progress,
    folder: Path,
    gates: Sequence[Gate] = (),
) -> Judged:
    """Judge a twin on the validation markets of `tables`; books go to `folder` (see `write_books`).

    `config.fee` is what the twin pays as a taker. `gates` are checks made elsewhere: no claim is made when one
    of them, or of the twin's own, is red. Markets' outcomes settle positions and are looked at nowhere else.
    """
    told = foretell(tables, inference, config=config, seed=seed, progress=progress)
    costs, sizes = config.fee, median_sizes(tables)
    rows = tables.validation_rows
    bars = tables.bars[rows.start : rows.stop]
    markets = tables.markets[tables.validation.start : tables.validation.stop]
    complete = tables.history.markets.filter("complete")
    ends = payoffs(tables.history.trades, complete)
    own = _ordered(ends, markets)
    payoff_S = own["payoff"].to_numpy()
    asked = []
    targets = levels(tables, inference)
    with progress.stage("act for a return", len(targets), unit="levels") as advance:
        for target in targets:
            threads = config.training.num_threads
            asked.append(
                ask(inference, tables, bars, target, payoff_S, sizes=sizes, fee=costs, seed=seed, threads=threads)
            )
            advance(1)
    given = as_given(tables.trajectories.part(tables.validation).actions_R)
    judged = Judged(
        foretelling=told,
        asked=tuple(asked),
        twin=asked[len(asked) // 2].played,
        copy=replay(bars, payoff_S, given, sizes=sizes, fee=costs),
        trader_S=profits_by_market(market_books(tables.history.trades, ends), list(markets)),
        markets=markets,
        ends_ms=tuple(own["ends"].dt.epoch("ms").to_list()),
        settled=int(own["settled"].sum()),
        sizes=sizes,
        fee=costs,
        target_range=inference.target_range,
        trader=describe(tables.history.trades, tables.history.markets, tables.bars, seed=seed),
        gates=(*gates, *told.gates),
    )
    write_books(judged, folder)
    return judged


def write_books(judged: Judged, folder: Path) -> None:
    """Write chances.parquet (a row per decision) and markets.parquet (profits by market) into `folder`."""
    write_chances(judged.foretelling, judged.markets, folder)
    profits = {
        "market": list(judged.markets),
        "twin": judged.twin.profit_S,
        "copy": judged.copy.profit_S,
        "trader": judged.trader_S,
        **{f"asked_{level}": one.played.profit_S for level, one in enumerate(judged.asked)},
    }
    write_table(pl.DataFrame(profits), folder / "markets.parquet")


def write_chances(told: Foretelling, markets: Sequence[str], folder: Path) -> None:
    """Write chances.parquet, a row per decision, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        f"{prefix}_{name.lower()}": told.chances[model][:, kind]
        for model, prefix in ((TWIN, "twin"), (TOLD, "told"))
        for kind, name in enumerate(ACTIONS)
    }
    named = np.array(markets)[told.rows.market_R]
    table = pl.DataFrame({"market": named, "action": told.rows.actions_R, **columns})
    write_table(table, folder / "chances.parquet")


def _ordered(ends: pl.DataFrame, markets: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({"market": list(markets)}).join(ends, on="market", how="left", maintain_order="left")
