"""Where training ends and judging begins: a series cut in time order, with a gap so that no window straddles a cut."""

from dataclasses import dataclass

from rookery.errors import UserError

# The published cuts: 70 % to learn from, 15 % to choose by, 15 % to judge by.
_TRAIN_SHARE = 0.70
_VALIDATION_END = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Three runs of sequence numbers in time order; `embargo` sequences are left out before each of the last two."""

    train: range
    validation: range
    test: range
    embargo: int


def chronological(count: int, *, embargo: int) -> Split:
    """Cut `count` sequences at int(count * 0.70) and int(count * 0.85), then drop the first `embargo` of the later two.

    A window of L rows shares rows with the L - 1 windows after it, so `embargo=L - 1` leaves no row on both sides of a
    cut; 0 gives the published sizes. Raises UserError when a part would be empty.
    """
    if count < 0 or embargo < 0:
        raise ValueError(f"count ({count}) and embargo ({embargo}) may not be negative")
    first, second = int(count * _TRAIN_SHARE), int(count * _VALIDATION_END)
    split = Split(
        train=range(first),
        validation=range(first + embargo, second),
        test=range(second + embargo, count),
        embargo=embargo,
    )
    for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        if not part:
            raise UserError(
                f"{count} sequences are too few: the {name} part is empty with an embargo of {embargo}",
                place="dataset",
                remedy="give more rows, a shorter --seq-len or a smaller --embargo",
            )
    return split
