"""Every fill of one account, and the round trips that fills make up, written down while the ledger settles.

A round trip begins when a position leaves 0 and ends when it comes back to 0 or crosses it; the fill that crosses ends
one and begins the next. What was gained at a moment is

    gained = side x (received - paid + |held| x contract x price)

and MAE and MFE (maximum adverse and favourable excursion; Sweeney 1996) are its lowest and highest values, 0 at the
entry. Prices that count: every close-out price, and high and low of each bar that the position outlived. Of a bar in
which a stop, take-profit or liquidation closed it only the open and the exit count: what came first within the bar is
not known. Fees and carry are not in excursions; slippage is, since `paid` holds it.
"""

# X fills, Y round trips, M instruments, C columns

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rookery.market.compilation import inlined, managed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CAUSES = ("order", "stop", "take", "liquidation")
BY_ORDER, BY_STOP, BY_TAKE, BY_LIQUIDATION = range(4)
# Columns of fill_XC.
FILL_BAR, FILL_INSTRUMENT, FILL_CAUSE, FILL_QUANTITY, FILL_PRICE, FILL_REFERENCE, FILL_FEE = range(7)
# Columns of trip_YC and open_MC. BOUGHT counts contracts; PAID, RECEIVED and what follows are money, unsigned but for
# MAE, MFE and TRIP_CARRY.
(
    TRIP_INSTRUMENT,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CAUSE,
    SIDE,
    LARGEST,
    BOUGHT,
    CLOSED,
    PAID,
    RECEIVED,
    TRIP_FEES,
    TRIP_SLIPPAGE,
    TRIP_CARRY,
    MAE,
    MFE,
    TRIP_FILLS,
) = range(16)


class Journal(NamedTuple):
    """Fills and finished round trips in order, how many there are of each, and each instrument's trip in progress."""

    fill_XC: Floats
    trip_YC: Floats
    written_2: Ints
    open_MC: Floats


def open_journal(instruments: int, *, rows: int = 256) -> Journal:
    """An empty journal with room for `rows` fills and as many round trips."""
    rows = max(rows, 2 * instruments)
    return Journal(np.empty((rows, 7)), np.empty((rows, 16)), np.zeros(2, np.int64), np.zeros((instruments, 16)))


def larger(journal: Journal) -> Journal:
    """The same journal with room for twice as many rows."""
    fill_XC, trip_YC = (np.empty((2 * len(old), old.shape[1])) for old in (journal.fill_XC, journal.trip_YC))
    fills, trips = journal.written_2
    fill_XC[:fills], trip_YC[:trips] = journal.fill_XC[:fills], journal.trip_YC[:trips]
    return Journal(fill_XC, trip_YC, journal.written_2, journal.open_MC)


@inlined
def has_room(journal: Journal) -> bool:
    """Whether the next bar fits: an instrument trades at most twice in a bar."""
    most = len(journal.fill_XC) - 2 * len(journal.open_MC)
    return bool(journal.written_2[0] <= most and journal.written_2[1] <= most)


@managed
def note_fill(
    journal: Journal,
    t: int,
    m: int,
    cause: int,
    held: float,
    quantity: float,
    value: float,
    reference: float,
    fee: float,
    contract: float,
) -> None:
    """`quantity` contracts traded for `value` money (same sign) on top of `held`, free of slippage for `reference`."""
    row = journal.fill_XC[journal.written_2[0]]
    journal.written_2[0] += 1
    row[FILL_BAR], row[FILL_INSTRUMENT], row[FILL_CAUSE], row[FILL_QUANTITY] = t, m, cause, quantity
    row[FILL_PRICE], row[FILL_REFERENCE] = value / (quantity * contract), reference / (quantity * contract)
    row[FILL_FEE] = fee
    closed = min(abs(quantity), abs(held)) if held * quantity < 0.0 else 0.0
    share = closed / abs(quantity)
    trip = journal.open_MC[m]
    if closed > 0.0:
        trip[CLOSED] += closed
        trip[RECEIVED] += share * abs(value)
        trip[TRIP_FEES] += share * fee
        trip[TRIP_SLIPPAGE] += share * (value - reference)
        trip[TRIP_FILLS] += 1
        note_price(journal, m, abs(held) - closed, value / quantity)
        if closed == abs(held):
            trip[TRIP_INSTRUMENT], trip[EXIT_BAR], trip[EXIT_CAUSE] = m, t, cause
            # A loop, not slices: numba compiles seconds of messages about shapes for them.
            for c in range(len(trip)):
                journal.trip_YC[journal.written_2[1], c] = trip[c]
                trip[c] = 0.0
            journal.written_2[1] += 1
    if closed < abs(quantity):
        if trip[TRIP_FILLS] == 0:
            trip[TRIP_INSTRUMENT], trip[ENTRY_BAR], trip[SIDE] = m, t, np.sign(quantity)
        trip[BOUGHT] += abs(quantity) - closed
        trip[LARGEST] = max(trip[LARGEST], abs(held + quantity))
        trip[PAID] += (1.0 - share) * abs(value)
        trip[TRIP_FEES] += (1.0 - share) * fee
        trip[TRIP_SLIPPAGE] += (1.0 - share) * (value - reference)
        trip[TRIP_FILLS] += 1


@inlined
def note_price(journal: Journal, m: int, held: float, unit: float) -> None:
    """The open trip of instrument `m`, of |held| contracts worth `unit` each, has seen this price."""
    trip = journal.open_MC[m]
    gained = trip[SIDE] * (trip[RECEIVED] - trip[PAID] + held * unit)
    trip[MAE] = min(trip[MAE], gained)
    trip[MFE] = max(trip[MFE], gained)
