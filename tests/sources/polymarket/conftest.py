"""A small history of one trader in one 15-minute market, as each exporter writes it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]

OPEN_S = 1_768_904_100  # 2026-01-20 10:15:00 UTC
SLUG = f"btc-updown-15m-{OPEN_S}"
WALLET = "0x" + "ab" * 20
UP_TOKEN = "9838422308310603710376482165392693781645594282267670798818340979089816999264"
DOWN_TOKEN = "962859500759825843758508904681392693781645594282267670798818340979089816999"


def trade(second: int, outcome: str, size: float, price: float, *, side: str = "BUY", **other: object) -> Row:
    """A fill as the data-api gives it, `second` seconds after the market opened."""
    return {
        "proxyWallet": WALLET,
        "timestamp": OPEN_S + second,
        "conditionId": "0xa1",
        "type": "TRADE",
        "size": size,
        "usdcSize": round(size * price, 6),
        "transactionHash": f"0x{second:064x}",
        "price": price,
        "asset": UP_TOKEN if outcome == "Up" else DOWN_TOKEN,
        "side": side,
        "outcomeIndex": 0 if outcome == "Up" else 1,
        "slug": SLUG,
        "outcome": outcome,
        **other,
    }


def settlement(second: int, kind: str, size: float) -> Row:
    """A MERGE, SPLIT, REDEEM or REWARD as the data-api gives it."""
    return {
        **trade(second, "Up", size, 0.5, side=""),
        **{"type": kind, "usdcSize": size, "price": 0, "asset": "", "outcome": "", "outcomeIndex": 999},
    }


@pytest.fixture
def rows() -> list[Row]:
    """Buys 30 Up at 0.40 (two equal fills of 10, one of 10) and 25 Down at 0.50, merges 25 pairs; 5 Up are paid out."""
    return [
        trade(10, "Up", 10, 0.40),
        trade(10, "Up", 10, 0.40),
        trade(60, "Down", 25, 0.50),
        trade(300, "Up", 10, 0.40),
        settlement(600, "MERGE", 25),
        settlement(1_000, "REDEEM", 5),
    ]


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a document (or text as it is) into a folder of histories; returns the folder."""

    def to_folder(document: object, name: str = "market.json") -> Path:
        path = tmp_path / "history" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
        return path.parents[len(Path(name).parts) - 1]

    return to_folder
