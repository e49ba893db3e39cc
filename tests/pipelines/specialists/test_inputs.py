"""Where bars come from, and what they become."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rookery.errors import UserError
from rookery.pipelines.specialists.config import DataConfig, SpecialistsConfig
from rookery.pipelines.specialists.inputs import BarSource, options_of, read
from rookery.pipelines.specialists.portfolio import PortfolioBars, from_table, portfolio, to_table
from rookery.sources.bars_csv import BarOptions

WriteBars = Callable[..., Path]


def test_a_folder_is_read_by_its_files_names_and_the_rest_is_left_aside(write_bars: WriteBars, tmp_path: Path):
    write_bars("EURUSD_H4.csv")
    write_bars("bitcoin.csv")
    reading = read(BarSource(inputs=(str(tmp_path),)))
    assert list(reading.loaded) == ["EURUSD"]
    assert reading.aside == {"bitcoin.csv": "no instrument of the specialists"}
    assert reading.interval_s == 14_400


def test_a_file_that_nobody_can_tell_is_refused_with_the_way_to_name_it(write_bars: WriteBars):
    path = write_bars("bitcoin.csv")
    with pytest.raises(UserError) as caught:
        read(BarSource(inputs=(str(path),)))
    assert "NAME=bitcoin.csv" in str(caught.value.remedy)
    assert list(read(BarSource(inputs=(f"XAUUSD={path}",))).loaded) == ["XAUUSD"]


def test_of_bars_of_two_lengths_those_that_most_instruments_have_are_taken(write_bars: WriteBars, tmp_path: Path):
    for name in ("EURUSD_H4.csv", "GBPUSD_H4.csv"):
        write_bars(name)
    write_bars("GBPUSD_H1.csv", hours=1)
    reading = read(BarSource(inputs=(str(tmp_path),)))
    assert reading.interval_s == 14_400
    assert reading.aside == {"GBPUSD_H1.csv": "bars of 3,600 s, not of 14,400 s"}
    assert list(read(BarSource(inputs=(str(tmp_path),), interval_s=3_600)).loaded) == ["GBPUSD"]


def test_two_files_of_one_instrument_with_equal_bars_are_refused(write_bars: WriteBars, tmp_path: Path):
    for name in ("EURUSD_H4.csv", "EURUSD (copy).csv"):
        write_bars(name)
    with pytest.raises(UserError, match="as long as those of"):
        read(BarSource(inputs=(str(tmp_path),)))


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="holds no file of bars"):
        read(BarSource(inputs=(str(tmp_path),)))


def test_a_wrong_time_zone_is_refused_and_a_right_one_moves_the_stamps(write_bars: WriteBars):
    path = str(write_bars("EURUSD_H4.csv"))
    with pytest.raises(UserError, match="Mars"):
        BarSource(inputs=(path,), options=options_of(tz="Mars/Olympus", bar_stamp=None, columns=[]))
    utc = read(BarSource(inputs=(path,))).loaded["EURUSD"].table["time"]
    tokyo = BarSource(inputs=(path,), options=BarOptions(tz="Asia/Tokyo"))
    assert ((utc - read(tokyo).loaded["EURUSD"].table["time"]).dt.total_hours() == 9).all()


def test_a_bar_stamped_at_its_close_is_known_one_interval_sooner(write_bars: WriteBars):
    path = str(write_bars("EURUSD_H4.csv"))
    opened = read(BarSource(inputs=(path,))).loaded["EURUSD"].table["time"]
    closed = read(BarSource(inputs=(path,), options=BarOptions(bar_stamp="close"))).loaded["EURUSD"].table["time"]
    assert ((opened - closed).dt.total_hours() == 4).all()


def test_a_column_map_that_is_none_is_refused():
    with pytest.raises(UserError, match="is not MEANING=NAME"):
        options_of(tz=None, bar_stamp=None, columns=["close"])


def test_faulty_rows_go_to_the_folder_named_and_the_rest_is_read(write_bars: WriteBars, tmp_path: Path):
    path = write_bars("EURUSD_H4.csv", count=200)
    lines = path.read_text().splitlines()
    lines[100] = lines[100].replace("\t10", "\t-1", 1)
    lines[50] = "\t".join([lines[50].split("\t")[0], "-40.32", "101", "-40.32", "99", "10"])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="not above 0"):
        read(BarSource(inputs=(str(path),)))
    made = read(BarSource(inputs=(str(path),), quarantine=str(tmp_path / "aside" / "rows"))).loaded["EURUSD"]
    assert sum(made.facts.quarantined.values()) == 200 - made.facts.rows_kept > 0
    assert "-40.32" in (tmp_path / "aside" / "rows" / "1-EURUSD_H4.csv.csv").read_text()


def test_a_folder_of_faulty_rows_is_not_that_of_the_bars(write_bars: WriteBars, tmp_path: Path):
    path = str(write_bars("EURUSD_H4.csv"))
    with pytest.raises(UserError, match="holds the bars themselves"):
        read(BarSource(inputs=(path,), quarantine=str(tmp_path)))
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "note").touch()
    with pytest.raises(UserError, match="is a file, not a folder"):
        read(BarSource(inputs=(path,), quarantine=str(tmp_path / "apart" / "note")))


def test_a_request_without_a_quarantine_does_not_speak_of_it():
    assert "quarantine" not in BarSource(kind="embedded").request()


def test_the_command_that_repeats_a_run_names_every_way_of_reading():
    options = BarOptions(dialect="investing", date_order="day", price="bid", ranges="widen", tz="UTC")
    source = BarSource(inputs=("bars",), options=options, interval_s=3_600, quarantine="some/aside")
    words = shlex.split(source.command(seed=4))
    pairs = dict(zip(words[3::2], words[4::2], strict=True))
    assert pairs == {
        "--input": "bars",
        "--tz": "UTC",
        "--dialect": "investing",
        "--date-order": "day",
        "--price": "bid",
        "--ranges": "widen",
        "--interval": "3600s",
        "--quarantine": "some/aside",
        "--config": "config.yaml",
        "--seed": "4",
    }


def test_real_daily_quotes_with_separators_are_read_once_their_faults_are_set_aside(shared_data: Path, tmp_path: Path):
    folder = shared_data / "daily_quotes_with_separators"
    with pytest.raises(UserError, match=r"'-40\.32' is not above 0"):
        read(BarSource(inputs=(str(folder),)))
    options = options_of(tz=None, bar_stamp=None, columns=[], ranges="widen")
    weekly = BarSource(inputs=(str(folder),), options=options, interval_s=604_800, quarantine=str(tmp_path / "q"))
    facts = read(weekly).loaded["WTIUSD"].facts
    assert (facts.rows_kept, dict(facts.quarantined)) == (1_095, {"low not above 0": 1})


def test_a_source_survives_a_round_trip_through_json():
    for source in (
        BarSource(inputs=("a", "XAUUSD=b.csv"), options=BarOptions(tz="UTC+2", columns={"close": "Settle"})),
        BarSource(inputs=("a",), quarantine="aside"),
        BarSource(kind="embedded"),
        BarSource(kind="generated", scenario="martingale", bars=10, seed=4),
    ):
        assert BarSource.from_request(json.loads(json.dumps(source.request()))) == source


def test_the_command_of_a_source_names_its_files_as_they_were_given():
    source = BarSource(inputs=("data/a", "XAUUSD=../b.csv"), options=BarOptions(tz="UTC+2"))
    assert source.command(seed=3) == (
        "rookery specialists run --input data/a --input XAUUSD=../b.csv --tz UTC+2 --config config.yaml --seed 3"
    )


def test_a_missing_instrument_is_masked_and_a_hole_is_carried_forward_never_back(
    write_bars: WriteBars, small: SpecialistsConfig, tmp_path: Path
):
    write_bars("EURUSD_H4.csv", count=400)
    write_bars("XAUUSD_H4.csv", count=400, left_out=range(100, 110))
    data, cost = portfolio(read(BarSource(inputs=(str(tmp_path),))), small)
    assert data.groups == ("forex", "commodities")
    assert data.columns("forex") == (0,)
    gold, silent = data.instruments.index("XAUUSD"), data.instruments.index("US30")
    assert cost.untraded == {"EURUSD": 0, "XAUUSD": 10}
    assert not data.traded_TM[100:110, gold].any()
    assert (data.bars.close_TM[100:110, gold] == data.bars.close_TM[99, gold]).all()
    assert (data.bars.volume_TM[100:110, gold] == 0).all()
    assert not data.traded_TM[:, silent].any()
    assert np.ptp(data.bars.close_TM[:, silent]) == 0


def test_an_instrument_that_begins_late_shortens_the_portfolio_instead_of_being_filled_back(
    write_bars: WriteBars, small: SpecialistsConfig, tmp_path: Path
):
    write_bars("EURUSD_H4.csv", count=400)
    write_bars("XAUUSD_H4.csv", count=400, left_out=range(40))
    data, cost = portfolio(read(BarSource(inputs=(str(tmp_path),))), small)
    assert cost.rows_before == 40
    assert data.bars.shape == (360, 8)


def test_the_three_spans_follow_each_other_with_the_embargo_between(bars: PortfolioBars):
    split = bars.split
    assert (split.train, split.validation, split.test) == (range(560), range(570, 680), range(690, 800))


def test_too_few_bars_for_a_span_are_refused(write_bars: WriteBars, small: SpecialistsConfig, tmp_path: Path):
    write_bars("EURUSD_H4.csv", count=100)
    with pytest.raises(UserError, match="for validation"):
        portfolio(read(BarSource(inputs=(str(tmp_path),))), small)


def test_a_clock_without_bars_is_refused(write_bars: WriteBars, tmp_path: Path):
    write_bars("EURUSD_H4.csv")
    config = SpecialistsConfig(data=DataConfig(clock="US30"))
    with pytest.raises(UserError, match="no bars of 'US30'"):
        portfolio(read(BarSource(inputs=(str(tmp_path),))), config)


def test_a_portfolio_survives_a_round_trip_through_its_table(bars: PortfolioBars, small: SpecialistsConfig):
    again = from_table(to_table(bars), small, interval_s=bars.interval_s)
    assert (again.bars.quotes() == bars.bars.quotes()).all()
    assert (again.traded_TM == bars.traded_TM).all()
    assert (again.times.open_ns_T == bars.times.open_ns_T).all()
    assert again.split == bars.split


def test_the_embedded_series_have_no_forex():
    reading = read(BarSource(kind="embedded"))
    assert set(reading.loaded) == {"SPX500", "NAS100", "WTIUSD"}
    assert "Composite" in reading.stand_ins["NAS100"]


def test_the_real_folder_holds_all_eight_with_brent_for_wti(shared_data: Path):
    source = BarSource(inputs=(str(shared_data / "fx_metal_oil_index_bars_2007_2023"),))
    reading = read(source)
    data, cost = portfolio(reading, SpecialistsConfig())
    assert data.available_M.all()
    assert data.bars.shape == (16_603, 8)
    assert reading.stand_ins == {"WTIUSD": "Brent crude stands in for WTI"}
    assert cost.untraded["SPX500"] == 1_733
    assert len(reading.aside) == 4
