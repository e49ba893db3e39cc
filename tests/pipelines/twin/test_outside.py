"""The file of an underlying: read by the clock that is given, known by its bytes, refused if it is of another time."""

import json
from pathlib import Path
from typing import Literal

import pytest

from rookery.errors import UserError
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress

QUIET = Progress(quiet=True)


def coin(folder: Path, *hours: int) -> Path:
    """Hourly bars of 2026-01-20 that open then, by a clock that the file does not name."""
    rows = [f"2026-01-20 {hour:02}:00:00,3000,3010,2990,3005,12" for hour in hours]
    path = folder / "ETHUSDT_1h.csv"
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    return path


@pytest.mark.parametrize(
    ("tz", "stamp", "first"),
    [
        (None, "open", "09:00"),
        ("UTC", "close", "08:00"),
        ("Europe/Berlin", "open", "08:00"),
    ],
)
def test_an_underlying_is_read_by_the_clock_and_the_end_of_a_bar_that_are_given(
    folder: Path, tz: str | None, stamp: Literal["open", "close"], first: str
):
    path = coin(folder, 8, 9, 10, 11)
    source = TwinSource(path=folder, underlying=UnderlyingFile(path=path, tz=tz, stamp=stamp))
    history = source.load(QUIET)
    assert history.underlying is not None
    assert f"{history.underlying.table['time'][0]:%H:%M}" == first
    # The market is of 10:15 to 10:30.
    assert (history.covered(3_600), history.covered(60)) == (1, 0)
    assert TwinSource.from_request(json.loads(json.dumps(source.request()))) == source
    clock = "" if tz is None else f" --tz {tz}"
    told = f"--underlying {path}{clock} --bar-stamp {stamp} --config config.yaml --seed 0"
    assert source.command(seed=0).endswith(told)


def test_its_fingerprint_follows_the_underlying(folder: Path):
    source = TwinSource(path=folder, underlying=UnderlyingFile(path=coin(folder, 8, 9, 10)))
    before = source.fingerprint()
    assert before != TwinSource(path=folder).fingerprint()
    coin(folder, 8, 9, 10, 11)
    assert before != source.fingerprint()
    with pytest.raises(UserError, match=r"nothing\.csv: no such file"):
        TwinSource(path=folder, underlying=UnderlyingFile(path=folder / "nothing.csv")).fingerprint()


def test_an_underlying_of_another_time_is_refused_with_both_spans(folder: Path):
    with pytest.raises(UserError) as fault:
        TwinSource(path=folder, underlying=UnderlyingFile(path=coin(folder, 1, 2, 3))).load(QUIET)
    told = "has bars from 2026-01-20 02:00 to 2026-01-20 04:00, the trader's rows are from 2026-01-20 10:15"
    assert fault.value.what.startswith(told)
    assert "--tz" in str(fault.value.remedy)
