"""Real files give the counts that their provenance states, measured there with another library."""

from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import Loaded
from rookery.sources.bars_csv import BarOptions, BarQuality, load, quality

FX = "fx_metal_oil_index_bars_2007_2023"
QUOTES = "eurusd_xauusd_hour_bid_ask_2006_2019"
FUTURES = "nq_cl_futures_30min_2020_2023"
ES = "es_futures_5min_2026"
SHARES = "spy_qqq_5min_2025_2026"

# file: rows, first, last, gaps, end of the longest, flat bars, moves over 5 %, largest move, bars without volume
STATED: dict[str, tuple[int, str, str, int, str, int, int, float, int]] = {
    f"{FX}/EURUSD_H4.csv.gz": (25847, "2007-09-04T04:00", "2023-09-11T08:00", 846, "2016-01-03T20:00", 1, 0, 0.0323, 0),
    f"{FX}/GBPUSD_H4.csv.gz": (25847, "2007-09-03T20:00", "2023-09-11T08:00", 846, "2016-01-03T20:00", 0, 1, 0.0797, 0),
    f"{FX}/USDJPY_H4.csv.gz": (25866, "2007-08-14T12:00", "2023-09-11T08:00", 856, "2009-06-19T12:00", 2, 0, 0.0443, 0),
    f"{FX}/XAUUSD_H4.csv.gz": (26630, "2007-02-02T12:00", "2023-09-11T08:00", 877, "2015-12-27T20:00", 0, 5, 0.0650, 0),
    f"{FX}/BRENTCMDUSD_H4.csv.gz": (
        15727, "2013-05-23T04:00", "2023-09-11T08:00", 679, "2013-08-13T04:00", 6, 55, 0.3440, 0,
    ),
    f"{FX}/USA500IDXUSD_H4.csv.gz": (
        14871, "2013-05-23T00:00", "2023-09-11T08:00", 1198, "2013-10-17T08:00", 54, 7, 0.0695, 0,
    ),
    f"{FX}/USATECHIDXUSD_H4.csv.gz": (
        14944, "2013-05-22T12:00", "2023-09-11T08:00", 1197, "2013-10-15T04:00", 51, 9, 0.0808, 0,
    ),
    f"{FX}/USA30IDXUSD_H4.csv.gz": (
        15281, "2013-05-23T00:00", "2023-09-11T08:00", 1198, "2013-10-16T04:00", 40, 5, 0.0724, 0,
    ),
    f"{FX}/BRENTCMDUSD_H1.csv.gz": (
        55638, "2013-05-23T07:00", "2023-09-11T09:00", 2710, "2013-08-13T06:00", 215, 29, 0.2376, 0,
    ),
    f"{FX}/USA500IDXUSD_H1.csv.gz": (
        53257, "2013-05-23T00:00", "2023-09-11T09:00", 2366, "2013-10-17T11:00", 103, 3, 0.0964, 0,
    ),
    f"{FX}/USATECHIDXUSD_H1.csv.gz": (
        53527, "2013-05-22T15:00", "2023-09-11T09:00", 2356, "2015-12-28T07:00", 81, 4, 0.0890, 0,
    ),
    f"{FX}/USA30IDXUSD_H1.csv.gz": (
        54118, "2013-05-23T00:00", "2023-09-11T09:00", 2348, "2013-10-16T06:00", 78, 4, 0.0549, 0,
    ),
    f"{FUTURES}/NQ - 30 min - ETH.csv.gz": (
        40822, "2020-06-29T01:00", "2023-12-29T22:30", 915, "2023-12-26T22:00", 21, 0, 0.0441, 12,
    ),
    f"{FUTURES}/@CL - 30 min - ETH.csv.gz": (
        41467, "2020-06-29T01:00", "2023-12-29T23:30", 911, "2020-12-28T01:00", 2, 3, 0.0936, 0,
    ),
    f"{ES}/ES_5min.csv.gz": (13768, "2026-02-17T00:05", "2026-04-28T23:35", 94, "2026-04-05T18:00", 4, 0, 0.0325, 44),
    f"{ES}/ES_2min.csv.gz": (18692, "2026-03-19T20:00", "2026-04-28T23:36", 53, "2026-04-05T18:00", 4, 0, 0.0183, 1),
    f"{ES}/ES_daily.csv.gz": (253, "2025-04-28T00:00", "2026-04-28T00:00", 56, "2025-05-27T00:00", 0, 0, 0.0324, 6),
    f"{SHARES}/SPY_5min.csv.gz": (
        17463, "2025-05-12T09:30", "2026-03-12T10:30", 709, "2025-07-07T09:30", 595, 0, 0.0135, 0,
    ),
    f"{SHARES}/QQQ_5min.csv.gz": (
        18258, "2025-05-12T09:30", "2026-03-12T10:30", 802, "2025-07-07T09:30", 835, 0, 0.0179, 0,
    ),
}  # fmt: skip


def read(path: Path, **options: object) -> tuple[Loaded, BarQuality]:
    loaded = load(path, options=BarOptions(**options))  # type: ignore[arg-type]
    return loaded, quality(loaded.table)


@pytest.mark.parametrize("name", STATED)
def test_a_real_file_has_the_counts_its_provenance_states(shared_data: Path, name: str):
    rows, first, last, gaps, longest_ends, flat, large, largest, empty = STATED[name]
    # Without a time zone the stamps are taken as UTC, which is how the provenance counted.
    loaded, found = read(shared_data / name)
    facts = loaded.facts
    assert (facts.rows_read, facts.rows_kept, facts.duplicates_dropped, facts.quarantined) == (rows, rows, 0, {})
    assert (found.first[:16], found.last[:16]) == (first, last)
    assert (found.gaps, str(found.longest_gap_ends)[:16]) == (gaps, longest_ends)
    assert (found.flat_bars, found.moves_over_5pct, found.zero_volume) == (flat, large, empty)
    assert abs(found.largest_move) == pytest.approx(largest, abs=5e-5)
    assert facts.notes["time zone"].startswith("UTC, assumed")


def test_futures_in_two_spellings_are_day_first_and_the_header_slip_is_read(shared_data: Path):
    loaded, _ = read(shared_data / FUTURES / "@CL - 30 min - ETH.csv.gz", tz="Asia/Jerusalem")
    notes = loaded.facts.notes
    assert loaded.facts.dialect == "AlgoSpace"
    assert notes["dates"] == "DD/MM/YYYY hh:mm:ss (25,269 rows), DD/MM/YYYY hh:mm (16,198 rows)"
    assert notes["date order"].startswith("day first")
    assert notes["header"] == "'Llow' read as low"
    # The session opens at 18:00 in New York, which is 01:00 in Israel but for the weeks between the two clock changes.
    assert "01:00 (855), 00:00 (50)" in notes["sessions"]
    opens = loaded.table["open_time"].dt.convert_time_zone("America/New_York")
    pauses = loaded.table["open_time"].diff().dt.total_minutes() > 55
    assert (opens.filter(pauses.fill_null(False)).dt.hour() == 18).sum() > 900


@pytest.mark.parametrize(
    ("name", "rows", "gaps", "median", "widest"),
    [("eurusd", 74439, 641, 0.00013, 0.002), ("xauusd", 76499, 1524, 0.362, 10.0)],
)
def test_bid_and_ask_bars_keep_their_spread(
    shared_data: Path, name: str, rows: int, gaps: int, median: float, widest: float
):
    loaded, found = read(shared_data / QUOTES / f"{name}_hour_quote.csv.gz")
    assert loaded.facts.dialect == "LEAN quotes"
    assert (loaded.facts.rows_kept, found.gaps, found.longest_gap_ends) == (rows, gaps, "2016-12-16T05:00:00Z")
    assert found.spread_median == pytest.approx(median)
    assert found.spread_max == pytest.approx(widest)


def test_gold_with_separators_needs_its_ranges_widened(shared_data: Path):
    path = shared_data / "daily_quotes_with_separators" / "XAU_USD Historical Data.csv"
    with pytest.raises(UserError, match="high and low do not hold the others"):
        load(path)
    loaded, found = read(path, ranges="widen")
    assert loaded.facts.dialect == "Investing.com"
    assert (loaded.facts.rows_kept, found.interval_s) == (4428, 86_400.0)
    assert (found.first[:10], found.last[:10]) == ("2004-01-02", "2020-12-31")
    assert loaded.facts.notes["ranges"].startswith("539 bars")
    assert loaded.facts.notes["numbers"] == "thousands separators"
    assert loaded.facts.notes["order"].startswith("newest first")
    assert found.largest_move == pytest.approx(0.104, abs=5e-4)
    assert loaded.table["close"][-1] == 1896.49


def test_weekly_oil_is_weekly_and_its_one_negative_price_is_set_aside(shared_data: Path, tmp_path: Path):
    path = shared_data / "daily_quotes_with_separators" / "Crude Oil WTI Futures Historical Data.csv"
    with pytest.raises(UserError, match=r"38: Low '-40.32' is not above 0"):
        load(path)
    loaded = load(path, quarantine=tmp_path / "aside.csv")
    found = quality(loaded.table)
    assert (loaded.facts.rows_read, loaded.facts.quarantined) == (1096, {"low not above 0": 1})
    assert (found.interval_s, found.first[:10], found.last[:10]) == (7 * 86_400.0, "2000-01-02", "2020-12-27")
    assert loaded.table["volume"][-1] == pytest.approx(901_090)
    # A week that begins on Sunday 27 December is known when it has passed.
    assert str(loaded.table["time"][-1])[:10] == "2021-01-03"


def test_daily_shares_state_their_own_zone(shared_data: Path):
    rows = flat = 0
    for path in sorted((shared_data / "etf_daily_2020_2023").glob("S*.csv.gz")):
        table = load(path).table
        rows += table.height
        flat += int((table["high"] == table["low"]).sum())
        hours = table["open_time"].dt.hour()
        assert set(hours) <= {4, 5}
    assert rows > 50_000
    assert flat > 1_000
    loaded, found = read(shared_data / "etf_daily_2020_2023" / "SPY.csv.gz")
    assert loaded.facts.notes["time zone"] == "stated by every stamp"
    assert (found.first[:10], found.last[:10]) == ("2018-11-01", "2023-12-29")


def test_a_shorter_file_gives_the_same_bars_as_far_as_it_goes(shared_data: Path, tmp_path: Path):
    import gzip

    lines = gzip.decompress((shared_data / FUTURES / "@CL - 30 min - ETH.csv.gz").read_bytes()).splitlines(True)
    (tmp_path / "cut.csv").write_bytes(b"".join(lines[:20_001]))
    whole = load(shared_data / FUTURES / "@CL - 30 min - ETH.csv.gz", options=BarOptions(instrument="CL")).table
    cut = load(tmp_path / "cut.csv", options=BarOptions(instrument="CL")).table
    assert cut.equals(whole.head(20_000))
    assert (pl.Series(cut["time"]) > cut["open_time"]).all()
