"""Whatever a file holds, it loads or is refused in one line; nothing else happens."""

import json
import random

import pytest

from rookery.errors import UserError
from rookery.sources.polymarket import load

from .conftest import Row, Write

HOSTILE: tuple[object, ...] = (
    *(None, True, -1, 0, 1e308, 10**400, "NaN", "Infinity", "-0", "1e400", "", " ", "\u0000", "\ud800", "0x1f"),
    *([], {}, [1], {"a": 1}, "x" * 5_000, "=1+1", "2026-01-20T10:15:00Z", 1768904100000, 99999999999999999999),
)


def outcome(folder: object) -> str:
    """'loaded', or the refusal, which must be one line."""
    try:
        load(folder)  # type: ignore[arg-type]
    except UserError as failure:
        headline = failure.headline
    else:
        headline = "loaded"
    assert headline.isprintable(), headline
    return headline


@pytest.mark.parametrize("name", ["timestamp", "type", "size", "usdcSize", "price", "asset", "side", "outcome", "slug"])
def test_any_value_in_any_field_loads_or_is_refused(rows: list[Row], write: Write, name: str):
    results = {outcome(write([{**rows[0], name: value}, *rows[1:]])) for value in HOSTILE}

    # Any text is a market's name.
    assert (results == {"loaded"}) == (name == "slug")


def test_files_with_broken_bytes_load_or_are_refused(rows: list[Row], write: Write):
    draw = random.Random(7)
    plain = json.dumps(rows[:3]).encode()
    refused = 0
    for _ in range(250):
        data = bytearray(plain)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(data))
            match draw.randrange(3):
                case 0:
                    data[place] = draw.randrange(256)
                case 1:
                    del data[place : place + draw.randint(1, 60)]
                case _:
                    data[place:place] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 8)))
        folder = write("")
        (folder / "market.json").write_bytes(bytes(data))
        refused += outcome(folder) != "loaded"

    assert refused > 150
