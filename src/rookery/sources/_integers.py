"""Whole numbers of any length as text, with the ways in which exports lose their digits."""

import polars as pl

from rookery.sources._faults import Check

_PLAIN = r"^[+-]?[0-9]{1,78}$"  # 78 digits hold any uint256
_HEX = r"^[+-]?0[xX][0-9a-fA-F]{1,64}$"
# 15 digits survive a float64 whole, so a trailing .0 has cost nothing.
_SAFE_POINT = r"^([+-]?[0-9]{1,15})\.0*$"
_SCIENTIFIC = r"^[+-]?[0-9]*\.?[0-9]*[eE][+-]?[0-9]{1,6}$"
_POINT = r"^[+-]?[0-9]+\.[0-9]*$"
_WORD_BITS = 256
_TEXT_REMEDY = "export it as text (Dune: cast to varchar; pandas: dtype=str; a spreadsheet: do not open it in one)"
ROUNDED_ZEROS = 6


def to_decimal(text: pl.Series) -> pl.Series:
    """Whole numbers in one spelling: blanks stripped, hex turned decimal, '199045.0' cut to '199045'.

    A 32-byte hex word with its top bit set is negative (two's complement), as in cryo's *_binary columns. Text that
    is no whole number is passed on for `checks` to name.
    """
    whole = text.str.strip_chars()
    # Plain tests first: a regular expression over a million rows costs more than all the rest.
    if whole.str.contains(".", literal=True).any():
        whole = whole.str.replace(_SAFE_POINT, "$1")
    if not whole.str.contains_any(["x", "X"]).any():
        return whole
    is_hex = whole.str.contains(_HEX).fill_null(False)
    return pl.Series(
        text.name,
        [str(_from_hex(value)) if mark else value for value, mark in zip(whole, is_hex, strict=True)],
        dtype=pl.String,
    )


def checks(name: str, label: str, *, required: bool = True) -> list[Check]:
    """What may be wrong with a column of whole numbers after `to_decimal`; `label` is the file's own name for it."""
    text = pl.col(name)
    scientific, point = text.str.contains(_SCIENTIFIC), text.str.contains(_POINT)
    missing = Check(
        kind=f"{name} missing", bad=text.is_null(), what=f"{label} is empty", remedy="fill or remove the row"
    )
    unreadable = Check(
        kind=pl.when(scientific | point).then(pl.lit("digits lost")).otherwise(pl.lit(f"{name} unreadable")),
        bad=~text.str.contains(_PLAIN),
        what=pl.when(scientific)
        .then(pl.lit(f"{label} '{{}}' has lost digits (scientific notation)"))
        .when(point)
        .then(pl.lit(f"{label} '{{}}' has lost digits (it went through a float)"))
        .otherwise(pl.lit(f"{label} '{{}}' is not a whole number")),
        value=text,
        remedy=_TEXT_REMEDY,
    )
    return [missing, unreadable] if required else [unreadable]


def small_checks(name: str, label: str, *, required: bool) -> list[Check]:
    """`checks` for counters that must also fit an Int64 (block numbers, indices, ticks, fees)."""
    text = pl.col(name)
    too_large = Check(
        kind=f"{name} out of range",
        bad=text.is_not_null() & text.cast(pl.Int64, strict=False).is_null(),
        what=f"{label} '{{}}' is too large",
        value=text,
    )
    return [*checks(name, label, required=required), too_large]


def rounded_row(text: pl.Series) -> int | None:
    """The first position of a column whose long values mostly end in zeros, as after a spreadsheet; else None.

    Six zeros by chance have odds of one in a million a value.
    """
    rounded = (text.str.len_bytes() > 15) & text.str.ends_with("0" * ROUNDED_ZEROS)
    if rounded.sum() * 2 <= len(text):
        return None
    return int(rounded.arg_true()[0])


def _from_hex(text: str) -> int:
    value = int(text, 16)
    is_word = len(text) == 66 and text[0] == "0"
    return value - (1 << _WORD_BITS) if is_word and value >> (_WORD_BITS - 1) else value
