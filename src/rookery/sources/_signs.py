"""Whose side an amount is told from: settled by how prices moved."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.errors import UserError
from rookery.sources._dialects import THE_GRAPH

SignOption = Literal["auto", "swapper", "pool"]
Sign = Literal["swapper", "pool"]

_LEAST_SHARE = 0.6
_DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How often the price moved, and in what share of moves as the swapper's or the pool's sign would have it."""

    count: int
    swapper_share: float

    @property
    def verdict(self) -> Sign | None:
        """The sign that the moves speak for by three standard deviations and six moves of ten, or None."""
        if self.count == 0:
            return None
        needed = max(_LEAST_SHARE, 0.5 + _DEVIATIONS * 0.5 / sqrt(self.count))
        if self.swapper_share >= needed:
            return "swapper"
        return "pool" if 1 - self.swapper_share >= needed else None

    def share(self, sign: Sign) -> float:
        """The share of moves that go as this sign would have it."""
        return self.swapper_share if sign == "swapper" else 1 - self.swapper_share

    def told(self, sign: Sign) -> str:
        """The evidence for one sign in words."""
        return f"{self.share(sign):.1%} of {self.count} price moves agree with the {sign}'s sign"


def moves(amount0: pl.Series, price_raw: pl.Series) -> Moves:
    """Compare each row's amount0 with the move of the price from the row before.

    Whoever pays token0 in pushes the price down: the swapper's own amount0 is then negative (v4), the pool's positive
    (v3).
    """
    frame = pl.DataFrame({"amount": amount0.sign(), "move": price_raw.diff().sign()})
    frame = frame.filter((pl.col("amount") != 0) & (pl.col("move") != 0))
    agree = int((frame["amount"] == frame["move"]).sum())
    return Moves(count=frame.height, swapper_share=agree / frame.height if frame.height else 0.5)


def settle_sign(
    evidence: Moves, *, asked: SignOption, version: str | None, dialect: str, path: Path
) -> tuple[Sign, str]:
    """The sign in which the file tells amounts, and the ground for it.

    The data decide, unless `asked`; where they cannot, the version does (v3 pool, v4 swapper; The Graph always pool).
    Raises UserError when nothing decides, or when what was asked contradicts the data.
    """
    verdict = evidence.verdict
    if asked != "auto":
        if verdict is not None and verdict != asked:
            what = f"--sign {asked} contradicts the data: {evidence.told(verdict)}"
            raise UserError(what, place=path, remedy=f"leave --sign out, or say --sign {verdict}")
        return asked, f"{asked}'s, as asked; {evidence.told(asked)}"
    if verdict is not None:
        return verdict, f"{verdict}'s, by the data; {evidence.told(verdict)}"
    if version is None and dialect != THE_GRAPH:
        what = f"cannot tell whose sign the amounts have: only {evidence.told('swapper')}"
        raise UserError(what, place=path, remedy="say --sign pool (v3, The Graph) or --sign swapper (v4)")
    usual: Sign = "pool" if dialect == THE_GRAPH or version == "v3" else "swapper"
    return usual, f"{usual}'s, as usual in {version or dialect}; the data cannot tell ({evidence.told(usual)})"
