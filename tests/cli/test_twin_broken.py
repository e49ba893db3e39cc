"""Broken price files through the command: one clear line each, and with --skip-bad the rest loads, counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
Row = dict[str, Any]

OPEN_S = 1_768_904_100
WALLET = "0x" + "ab" * 20


def event(second: float, kind: str = "trade", **other: object) -> Row:
    """A row of the specification's price file, `second` seconds after the first market opened."""
    row: Row = {"t": int((OPEN_S + second) * 1_000), "type": kind}
    if kind == "trade":
        row |= {"price": 0.5, "side": "BUY", "size": 20, "usdc": 10, "outcome": "Up"}
    elif kind == "price_change":
        row |= {"bestBid": 0.48, "bestAsk": 0.52, "mid": 0.5, "spread": 0.04, "outcome": "Up"}
    else:
        row |= {"price": 0.5, "outcome": "Up"}
    return row | other


def rows_of(market: int) -> list[Row]:
    """A whole market: a book, two fills, a last price."""
    start = 900 * market
    kinds = ((1, "price_change"), (2, "trade"), (400, "trade"), (901, "last_trade_price"))
    return [event(start + second, kind) for second, kind in kinds]


def document(market: int, rows: list[Row]) -> Row:
    return {"slug": f"btc-updown-15m-{OPEN_S + 900 * market}", "totalEvents": len(rows), "prices": rows}


@pytest.fixture
def trader(tmp_path: Path) -> Path:
    """Where the specification's downloads are: three whole markets of one trader."""
    home = tmp_path / "downloads" / "merged_trades" / WALLET
    home.mkdir(parents=True)
    for market in range(3):
        (home / f"btc-{market}_prices.json").write_text(json.dumps(document(market, rows_of(market))))
    return home


def broken(trader: Path, text: str) -> Path:
    path = trader / "btc-9_prices.json"
    path.write_text(text)
    return path


def of_rows(change: Callable[[list[Row]], list[Row]]) -> str:
    return json.dumps(document(9, change(rows_of(9))))


def replaced(position: int, **changed: object) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [row | changed if i == position else row for i, row in enumerate(rows)]


WHOLE_FILES = {
    "truncated JSON": (of_rows(list)[:-60], "is cut short: the JSON ends inside item 4"),
    "an empty market": (json.dumps(document(9, [])), "holds no rows"),
    "an empty file": ("", "is empty"),
    "a page of a web server": ("<html>Not found</html>", "is not JSON"),
    "seconds among milliseconds": (
        of_rows(replaced(2, t=OPEN_S + 8_500)),
        "is in seconds, the rows before it in milliseconds",
    ),
    "no market's name": (json.dumps({"prices": rows_of(9)}), "says of no market (slug) its rows are"),
}
ROWS = {
    "a negative size": (replaced(1, size=-20, usdc=-10), "item 2: size '-20' is negative", "size negative"),
    "an unknown event type": (
        replaced(1, type="conversion"),
        "item 2: type 'CONVERSION' is not known, and may move shares",
        "type unknown",
    ),
    "a book above one": (
        replaced(0, bestAsk=1.2, mid=0.84),
        "item 1: best_ask '1.2' is outside 0 to 1",
        "quote out of range",
    ),
    "money that is not size by price": (replaced(2, usdc=11), "item 3: size x price is not usdc", "usdc differs"),
}


@pytest.mark.parametrize(("text", "what"), WHOLE_FILES.values(), ids=WHOLE_FILES.keys())
def test_a_broken_file_is_one_line_or_skipped_and_named(rookery: Call, trader: Path, text: str, what: str) -> None:
    path = broken(trader, text)

    refused = rookery("twin", "check", "--quiet")
    assert (refused.code, refused.out) == (2, "")
    lines = refused.err.splitlines()
    assert len(lines) == 2
    assert what in lines[0]
    assert path.name in lines[0]

    loaded = rookery("twin", "check", "--quiet", "--skip-bad", "--json")
    assert loaded.code == 0
    assert loaded.json["markets"] == loaded.json["complete"] == 3
    assert [Path(place).name for place in loaded.json["skipped_files"]] == [path.name]
    assert what in next(iter(loaded.json["skipped_files"].values()))
    assert f"{path.name}: " in rookery("twin", "check", "--quiet", "--skip-bad").out


@pytest.mark.parametrize(("change", "what", "kind"), ROWS.values(), ids=ROWS.keys())
def test_a_broken_row_is_one_line_or_counted_and_its_market_is_not_complete(
    rookery: Call, trader: Path, change: Callable[[list[Row]], list[Row]], what: str, kind: str
) -> None:
    path = broken(trader, of_rows(change))

    refused = rookery("twin", "check", "--quiet")
    assert (refused.code, len(refused.err.splitlines())) == (2, 2)
    assert what in refused.err
    assert path.name in refused.err

    loaded = rookery("twin", "check", "--quiet", "--skip-bad", "--json").json
    assert loaded["source"]["quarantined"] == {kind: 1}
    assert (loaded["markets"], loaded["complete"]) == (4, 3)
    assert f"{kind}" in rookery("twin", "check", "--quiet", "--skip-bad").out


def test_a_file_at_the_cap_is_flagged_and_kept_out_of_what_is_learnt(rookery: Call, trader: Path) -> None:
    rows = [event(8_100 + i // 2, size=1, usdc=0.5) for i in range(1_000)]
    broken(trader, json.dumps(document(9, rows)))

    said = rookery("twin", "check", "--quiet", "--json").json
    assert (said["markets"], said["complete"]) == (4, 3)
    assert "1 capped" in said["source"]["notes"]["markets"]

    made = rookery("twin", "prepare", "--interval", "60", "--quiet", "--json")
    assert made.code == 0, made.err
    assert made.json["markets"] == {
        "train": 2,
        "validation": 1,
        "incomplete": 1,
        "without a price": 0,
        "across the cut": 0,
    }


def test_all_faults_at_once_leave_the_good_files_and_every_one_is_counted(rookery: Call, trader: Path) -> None:
    for number, (text, _) in enumerate(WHOLE_FILES.values()):
        (trader / f"bad-{number}_prices.json").write_text(text)
    for number, (change, _, _) in enumerate(ROWS.values()):
        rows = document(20 + number, change(rows_of(20 + number)))
        (trader / f"faulty-{number}_prices.json").write_text(json.dumps(rows))

    said = rookery("twin", "check", "--quiet", "--skip-bad", "--json").json
    assert len(said["skipped_files"]) == len(WHOLE_FILES)
    assert said["source"]["quarantined"] == {kind: 1 for _, _, kind in ROWS.values()}
    assert (said["markets"], said["complete"]) == (3 + len(ROWS), 3)


def test_what_a_download_notes_beside_the_files_is_no_file_of_a_trader(rookery: Call, trader: Path) -> None:
    (trader.parent / ".rookery-download.json").write_text('{"files": {}}')
    assert rookery("twin", "check", "--quiet", "--json").json["markets"] == 3


def test_quotes_of_the_files_reach_the_bars(rookery: Call, trader: Path, tmp_path: Path) -> None:
    import polars as pl

    assert rookery("twin", "prepare", "--interval", "60", "--quiet").code == 0
    made = pl.read_parquet(next(tmp_path.rglob("processed_trader_data.parquet")))
    quotes = pl.read_parquet(next(tmp_path.rglob("quotes.parquet")))
    assert quotes["kind"].value_counts().sort("kind").rows() == [("last_trade_price", 3), ("price_change", 3)]
    assert made.height == 45
    assert made["close"].unique().to_list() == [0.5]
