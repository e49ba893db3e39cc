"""Whose sign and which unit amounts have is told by the figures, and refused when stated against them."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.sources._signs import Moves, moves
from rookery.sources.uniswap import load

Lines = list[str]
Cells = list[str]


def write(path: Path, lines: Lines, change: Callable[[Cells], Cells] = lambda cells: cells) -> Path:
    rows = [lines[0].split(","), *(change(line.split(",")) for line in lines[1:])]
    path.write_text("\n".join(",".join(row) for row in rows))
    return path


def pool_side(cells: Cells) -> Cells:
    """The pool's side of a row: both amounts negated."""
    flipped = [cell.removeprefix("-") if cell.startswith("-") else f"-{cell}" for cell in cells[1:3]]
    return [cells[0], *flipped, *cells[3:]]


def test_v4_sign_is_found_and_kept(tmp_path: Path, rook_lines: Lines):
    loaded = load(write(tmp_path / "swaps.csv", rook_lines))
    # Row 0 raises the price: the swapper received 8.9 ETH and paid USDC.
    assert loaded.table["amount_base"][0] > 0 > loaded.table["amount_quote"][0]
    assert (
        loaded.facts.notes["sign"] == "swapper's, by the data; 100.0% of 11 price moves agree with the swapper's sign"
    )


def test_v3_sign_is_found_and_turned(tmp_path: Path, rook_lines: Lines):
    swapper = load(write(tmp_path / "v4.csv", rook_lines)).table
    pool = load(write(tmp_path / "v3.csv", rook_lines, pool_side))
    assert pool.table.equals(swapper)
    assert pool.facts.notes["sign"].startswith("pool's, by the data; 100.0% of 11")


def test_data_outrank_the_version(tmp_path: Path, rook_lines: Lines):
    """The Graph's v4 subgraph tells the pool's side of v4 swaps."""
    path = write(tmp_path / "swaps.csv", rook_lines, pool_side)
    assert load(path, version="v4").table["amount_base"][0] > 0


@pytest.mark.parametrize(("stated", "true"), [("pool", "swapper"), ("swapper", "pool")])
def test_a_sign_stated_against_the_data_is_refused_with_the_evidence(
    stated: str, true: str, tmp_path: Path, rook_lines: Lines
):
    path = write(tmp_path / "swaps.csv", rook_lines, pool_side if true == "pool" else lambda cells: cells)
    with pytest.raises(UserError) as failure:
        load(path, sign=stated)  # type: ignore[arg-type]
    evidence = f"--sign {stated} contradicts the data: 100.0% of 11 price moves agree with the {true}'s sign"
    assert (failure.value.what, failure.value.remedy) == (evidence, f"leave --sign out, or say --sign {true}")


def test_too_few_moves_ask_for_the_sign(tmp_path: Path, rook_lines: Lines):
    path = write(tmp_path / "swaps.csv", rook_lines[:6])
    with pytest.raises(UserError, match="cannot tell whose sign the amounts have") as failure:
        load(path)
    assert failure.value.remedy == "say --sign pool (v3, The Graph) or --sign swapper (v4)"


@pytest.mark.parametrize(
    ("options", "first_sign"),
    [({"sign": "swapper"}, 1), ({"sign": "pool"}, -1), ({"version": "v4"}, 1), ({"version": "v3"}, -1)],
)
def test_a_statement_settles_what_few_moves_cannot(
    options: dict[str, str], first_sign: int, tmp_path: Path, rook_lines: Lines
):
    path = write(tmp_path / "swaps.csv", rook_lines[:6])
    amount = load(path, **options).table["amount_base"][0]  # type: ignore[arg-type]
    assert amount * first_sign > 0


@pytest.mark.parametrize(
    ("count", "share", "verdict"),
    [
        (0, 0.5, None),
        (8, 1.0, None),
        (9, 1.0, "swapper"),
        (9, 0.0, "pool"),
        (10_000, 0.55, None),
        (10_000, 0.61, "swapper"),
        (100, 0.64, None),
        (100, 0.34, "pool"),
    ],
)
def test_a_verdict_needs_three_deviations_and_six_moves_of_ten(count: int, share: float, verdict: str | None):
    assert Moves(count=count, swapper_share=share).verdict == verdict


def test_rows_without_a_move_or_an_amount_are_no_evidence():
    evidence = moves(pl.Series([1.0, 0.0, -2.0, 3.0]), pl.Series([1.0, 2.0, 1.5, 1.5]))
    assert (evidence.count, evidence.swapper_share) == (1, 1.0)


def scaled(cells: Cells) -> Cells:
    amount0, amount1 = int(cells[1]) / 1e18, int(cells[2]) / 1e6
    return [cells[0], repr(amount0), repr(amount1), *cells[3:]]


def test_scaled_amounts_are_told_by_the_price(tmp_path: Path, rook_lines: Lines):
    raw = load(write(tmp_path / "raw.csv", rook_lines))
    human = load(write(tmp_path / "human.csv", rook_lines, scaled))
    assert human.facts.notes["amounts"] == "scaled, by the price"
    assert raw.facts.notes["amounts"] == "raw, by the price"
    assert human.table["amount_base"].to_list() == pytest.approx(raw.table["amount_base"].to_list(), rel=1e-15)


def test_few_rows_are_told_by_size_and_fractions(tmp_path: Path, rook_lines: Lines):
    raw = load(write(tmp_path / "raw.csv", rook_lines[:4]), sign="swapper")
    human = load(write(tmp_path / "human.csv", rook_lines[:4], scaled), sign="swapper")
    assert raw.facts.notes["amounts"] == "raw, by their size"
    assert human.facts.notes["amounts"] == "scaled, by their size"


def test_few_small_whole_amounts_ask_for_the_unit(tmp_path: Path, rook_lines: Lines):
    path = write(tmp_path / "swaps.csv", rook_lines[:4], lambda cells: [cells[0], "0", "0", *cells[3:]])
    with pytest.raises(UserError, match="cannot tell the unit of the amounts"):
        load(path, sign="swapper")


def test_a_unit_stated_against_the_price_is_refused(tmp_path: Path, rook_lines: Lines):
    path = write(tmp_path / "swaps.csv", rook_lines)
    with pytest.raises(UserError, match="amounts are raw, judged by the price, not scaled as asked"):
        load(path, amounts="scaled")


def test_amounts_that_fit_no_unit_are_refused(tmp_path: Path, rook_lines: Lines):
    path = write(tmp_path / "swaps.csv", rook_lines, lambda cells: [*cells[:2], cells[2] + "0000", *cells[3:]])
    with pytest.raises(UserError, match=r"amounts and prices disagree by a factor of 1e\+4"):
        load(path)


def test_an_amount_of_nothing_is_no_fault_and_stays_plus_zero(tmp_path: Path, rook_lines: Lines):
    lines = [
        *rook_lines[:6],
        ",".join([*rook_lines[6].split(",")[:1], "0", *rook_lines[6].split(",")[2:]]),
        *rook_lines[7:],
    ]
    table = load(write(tmp_path / "swaps.csv", lines, pool_side)).table
    assert str(table["amount_base"][5]) == "0.0"


@pytest.mark.parametrize(("hundredths", "fee_bps"), [("500", 5.0), ("3000", 30.0), ("100", 1.0), ("0", 0.0)])
def test_fee_is_told_in_hundredths_of_a_bip(hundredths: str, fee_bps: float, tmp_path: Path, rook_lines: Lines):
    lines = [rook_lines[0] + ",fee", *(f"{line},{hundredths}" for line in rook_lines[1:])]
    assert load(write(tmp_path / "swaps.csv", lines)).table["fee_bps"].unique().to_list() == [fee_bps]


def test_a_given_fee_fills_only_what_the_file_lacks(tmp_path: Path, rook_lines: Lines):
    lines = [rook_lines[0] + ",fee", *(f"{line},{'500' if i % 2 else ''}" for i, line in enumerate(rook_lines[1:]))]
    path = write(tmp_path / "swaps.csv", lines)
    assert load(path, fee_bps=30.0).table["fee_bps"].to_list()[:4] == [30.0, 5.0, 30.0, 5.0]
    assert load(path).table["fee_bps"].to_list()[:2] == [None, 5.0]


def test_a_fee_above_one_is_refused(tmp_path: Path, rook_lines: Lines):
    lines = [rook_lines[0] + ",fee", *(f"{line},8388608" for line in rook_lines[1:])]
    with pytest.raises(UserError, match="fee 8388608 is no fee in hundredths of a bip") as failure:
        load(write(tmp_path / "swaps.csv", lines))
    assert failure.value.row == 2


@pytest.mark.parametrize(
    ("convert", "unit"),
    [
        (lambda seconds: str(seconds * 1_000), "milliseconds"),
        (lambda seconds: str(seconds * 1_000_000), "microseconds"),
        (lambda seconds: str(seconds * 1_000_000_000), "nanoseconds"),
        (lambda seconds: f"{seconds}.0", "seconds"),
        (lambda seconds: hex(seconds), "seconds"),
        (lambda seconds: str(pl.from_epoch(pl.Series([seconds]))[0]).replace(" ", "T") + "Z", "ISO 8601"),
        (lambda seconds: str(pl.from_epoch(pl.Series([seconds + 19_800]))[0]) + "+05:30", "ISO 8601"),
        (lambda seconds: str(pl.from_epoch(pl.Series([seconds - 28_800]))[0]) + ".000-0800", "ISO 8601"),
    ],
)
def test_every_unit_of_time(convert: Callable[[int], str], unit: str, tmp_path: Path, rook_lines: Lines):
    plain = load(write(tmp_path / "plain.csv", rook_lines)).table["time"]
    loaded = load(write(tmp_path / "other.csv", rook_lines, lambda cells: [convert(int(cells[0])), *cells[1:]]))
    assert loaded.table["time"].equals(plain)
    assert loaded.facts.notes["time unit"] == unit


def test_fractions_of_a_second_are_kept(tmp_path: Path, rook_lines: Lines):
    times = (f"{1737646995 + i}.{i:03d}" for i in range(12))
    stamps = [str(moment) for moment in times]
    table = load(write(tmp_path / "swaps.csv", rook_lines, lambda cells: [stamps.pop(0), *cells[1:]])).table
    assert table["time"].dt.nanosecond().to_list() == [i * 1_000_000 for i in range(12)]
