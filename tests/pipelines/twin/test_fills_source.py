"""A file of fills as a twin's history: chosen, refused, remembered, and prepared."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.segments import SEGMENT
from rookery.features.state import StateConfig
from rookery.pipelines.twin import tables
from rookery.pipelines.twin.config import TableConfig
from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.origin import source_of_request
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress
from rookery.sources.fills import HYPERLIQUID, FillColumns

QUIET = Progress(quiet=True)
CONFIG = TableConfig(interval_s=600, capital=1_000.0, state=StateConfig(fractional_order=0.5))


@pytest.fixture
def source(tmp_path: Path, write_fills: Callable[..., Path]) -> FillsSource:
    path = write_fills(tmp_path)
    return FillsSource(path=path, columns=FillColumns.read(tmp_path / "columns.yaml"), trader="me")


def changed(source: FillsSource, **values: object) -> FillsSource:
    return source_of_request({**source.request(), **values})  # type: ignore[return-value]


def test_his_fills_are_read_by_session_and_the_last_day_of_the_file_is_cut(source: FillsSource):
    history = source.load(QUIET)
    assert history.markets.height == 16
    assert history.markets["cut"].sum() == 2
    assert history.fills is not None
    assert history.fills["trader"].unique().to_list() == ["me"]
    assert not history.pays_out
    assert (
        history.facts.notes["sessions"] == "16 of 86,400 s with a fill; 0 with rows missing, 2 end after the file does"
    )


def test_one_instrument_alone_may_be_asked_for(source: FillsSource):
    history = changed(source, instrument="SMALL").load(QUIET)
    assert history.sessions is not None
    assert history.sessions["instrument"].unique().to_list() == ["SMALL"]


def test_several_traders_are_named_and_none_is_chosen_for_the_user(source: FillsSource):
    with pytest.raises(UserError, match="holds the fills of 2 traders") as fault:
        changed(source, trader=None).load(QUIET)
    assert str(fault.value.remedy).startswith("choose one with --trader: me (")
    assert "other (1 fills)" in str(fault.value.remedy)


REFUSED = [
    ({"trader": "mee"}, "has no fill of trader 'mee'", "did you mean 'me'?"),
    ({"instrument": "SMAL"}, "has no fill of instrument 'SMAL'", "did you mean 'SMALL'?"),
]


@pytest.mark.parametrize(("values", "what", "remedy"), REFUSED)
def test_a_name_that_is_not_there_is_refused_with_the_nearest(
    source: FillsSource, values: dict[str, str], what: str, remedy: str
):
    with pytest.raises(UserError, match=what) as fault:
        changed(source, **values).load(QUIET)
    assert fault.value.remedy == remedy


def test_a_faulty_row_is_named_or_left_out_and_counted(source: FillsSource):
    lines = source.path.read_text().splitlines()
    lines[40] = lines[40].replace("BUY", "HOLD").replace("SELL", "HOLD")
    source.path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"fills\.csv:41: way 'HOLD' is neither BUY nor SELL"):
        source.load(QUIET)
    history = changed(source, skip_bad=True).load(QUIET)
    assert history.facts.quarantined == {"side unknown": 1}
    # The position that the next row states shows that one is missing.
    assert history.markets["faulty_rows"].sum() == 1


def test_a_file_that_is_none_is_refused_before_anything_is_read(source: FillsSource, tmp_path: Path):
    with pytest.raises(UserError, match="no such file") as fault:
        changed(source, path=str(tmp_path / "fils.csv")).fingerprint()
    assert fault.value.remedy == "did you mean 'fills.csv'?"
    with pytest.raises(UserError, match="is a folder"):
        changed(source, path=str(tmp_path)).load(QUIET)


def test_markets_of_two_outcomes_are_sent_elsewhere(tmp_path: Path):
    path = tmp_path / "fills.csv"
    path.write_text("t,s,z,p,o\n1768904100,BUY,1,0.5,Up\n")
    columns = FillColumns(time="t", side="s", size="z", price="p", outcome="o", one_trader="me", one_instrument="X")
    with pytest.raises(UserError, match="column 'o' names outcomes") as fault:
        FillsSource(path=path, columns=columns).load(QUIET)
    assert "--data-dir" in str(fault.value.remedy)


def test_a_source_comes_back_from_what_a_run_remembers(source: FillsSource):
    assert source_of_request(json.loads(json.dumps(source.request()))) == source
    other = TwinSource(markets=3, seed=7)
    assert source_of_request(json.loads(json.dumps(other.request()))) == other


def test_its_fingerprint_follows_bytes_and_options_and_no_folder(source: FillsSource, tmp_path: Path):
    before = source.fingerprint()
    moved = tmp_path / "elsewhere" / "fills.csv"
    moved.parent.mkdir()
    moved.write_bytes(source.path.read_bytes())
    assert changed(source, path=str(moved)).fingerprint() == before
    assert changed(source, session_s=28_800).fingerprint() != before
    moved.write_bytes(source.path.read_bytes() + b"\n")
    assert changed(source, path=str(moved)).fingerprint() != before


def test_its_fingerprint_follows_the_underlying_s_bytes_and_clock_and_no_folder(source: FillsSource, tmp_path: Path):
    coin, moved = tmp_path / "coin.csv", tmp_path / "moved.csv"
    for path in (coin, moved):
        path.write_text("time,open,high,low,close,volume\n2026-01-01 00:00:00,1,1,1,1,1\n")
    one, other, later = (
        replace(source, underlying=UnderlyingFile(path=path, stamp=stamp)).fingerprint()
        for path, stamp in ((coin, "open"), (moved, "open"), (coin, "close"))
    )
    assert one == other
    assert len({one, later, source.fingerprint()}) == 3


def test_the_command_that_makes_it_again_names_what_is_not_the_default(source: FillsSource):
    command = changed(source, instrument="BIG", session_s=3_600, skip_bad=True).command(seed=3)
    assert command == (
        f"rookery twin run --fills {source.path} --columns columns.yaml --trader me --instrument BIG --session 3600s "
        "--skip-bad --config config.yaml --seed 3"
    )


def test_the_history_read_back_is_the_same(source: FillsSource, tmp_path: Path):
    history = source.load(QUIET)
    history.write(tmp_path)
    back = TwinHistory.read(tmp_path)
    assert back.fingerprint() == history.fingerprint()
    assert not back.pays_out


def test_a_folder_that_held_fills_keeps_none_of_them_for_markets_of_two_outcomes(source: FillsSource, tmp_path: Path):
    folder = tmp_path / "history"
    source.load(QUIET).write(folder)
    names = {"fills.parquet", "sessions.parquet"}
    assert names <= {file.name for file in folder.iterdir()}
    TwinSource(markets=3).load(QUIET).write(folder)
    assert not names & {file.name for file in folder.iterdir()}


def test_the_map_of_columns_stands_among_the_facts(source: FillsSource):
    assert source.load(QUIET).facts.notes["columns"] == (
        "time = when, side = way, size = units, price = px, trader = who, instrument = coin, fee = cost, "
        "position_before = held"
    )


def test_the_extended_state_is_refused_since_it_asks_for_a_price_around_one_half(source: FillsSource):
    config = CONFIG.model_copy(update={"state": StateConfig(state="extended", fractional_order=0.5)})
    with pytest.raises(UserError, match=r"^--state: the extended state knows how far a price is from 0\.5"):
        tables.build(source.load(QUIET), config)


def test_tables_hold_out_the_last_days_and_all_sessions_of_them(source: FillsSource):
    made = tables.build(source.load(QUIET), CONFIG)
    assert made.left_out == {"incomplete": 2, "without a price": 0, "across the cut": 0}
    train, held_out = (
        {name.split(" ", 1)[1] for name in made.markets[part.start : part.stop]}
        for part in (made.train, made.validation)
    )
    assert max(train) < min(held_out)
    first = made.bars.group_by(SEGMENT, maintain_order=True).first()
    assert first["open"].to_list() == [1.0] * first.height


def test_the_trader_of_hyperliquid_with_the_most_fills_makes_tables(shared_data: Path):
    path = shared_data / "hyperliquid_trader_fills_2024_2025" / "historical_data.csv.gz"
    source = FillsSource(path=path, columns=HYPERLIQUID, trader="0x513b8629fe877bb581bf244e326a047b249c4ff1")
    history = source.load(QUIET)
    assert (history.trades.height, history.markets.height) == (12_236, 50)
    # A session is left out where a stated position does not follow from the fill before, and on the file's last day.
    assert history.markets.filter("complete").height == 45
    made = tables.build(history, TableConfig(interval_s=900, capital=1e6))
    assert (len(made.train), len(made.validation)) == (34, 11)
    assert made.bars["close"].is_between(0.8, 1.2).all()
    # Three more were left in a session that began with them: one of them was entered two days before.
    assert made.barriers is not None
    assert (made.barriers.positions, made.barriers.barriers.horizon_bars) == (13, 11)
    known = history.markets.join(history.sessions, on="market").filter(pl.col("instrument") == "SOL")
    # What a session leaves is what the next one opens with, but where rows between them are missing.
    gap = known.select((pl.col("left_up").shift(1) - pl.col("quantity")).abs() > 1.0).to_series()
    assert gap.sum() == 2
