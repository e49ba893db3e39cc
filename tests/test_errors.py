"""Two-line faults: place, row, what, and the nearest known name."""

import pickle

import pytest

from rookery.errors import LONGEST_LIST, UserError, did_you_mean, listed, nearest, one_line


@pytest.mark.parametrize(
    ("place", "row", "headline"),
    [
        ("swaps.csv", 381, "swaps.csv:381: has lost digits"),
        ("swaps.csv", None, "swaps.csv: has lost digits"),
        (None, 7, "7: has lost digits"),
        (None, None, "has lost digits"),
    ],
)
def test_headline_names_the_parts_that_are_known(place: str | None, row: int | None, headline: str) -> None:
    fault = UserError("has lost digits", place=place, row=row)
    assert fault.headline == headline
    assert str(fault) == headline


def test_a_user_error_survives_the_way_between_processes() -> None:
    fault = pickle.loads(pickle.dumps(UserError("is empty", place="a.csv", row=2, remedy="fill it")))  # noqa: S301
    assert (fault.headline, fault.remedy) == ("a.csv:2: is empty", "fill it")


@pytest.mark.parametrize(
    ("given", "meant"),
    [("num_epoch", "num_epochs"), ("BATCH_SIZE", "batch_size"), ("seqlen", "seq_len"), ("qqq", None), ("", None)],
)
def test_nearest_finds_what_was_meant_whatever_the_case(given: str, meant: str | None) -> None:
    assert nearest(given, ["num_epochs", "batch_size", "seq_len"]) == meant


def test_nearest_does_not_depend_on_the_order_of_the_names() -> None:
    assert nearest("abc", {"abd", "abe"}) == nearest("abc", ["abe", "abd"])


def test_a_remedy_names_the_nearest_or_lists_what_is_known() -> None:
    assert did_you_mean("pric", ["price", "volume"]) == "did you mean 'price'?"
    assert did_you_mean("zzz", ["volume", "price"]) == "known names: price, volume"


def test_a_long_list_is_cut_and_says_how_much_is_left() -> None:
    text = listed(f"n{i:05}" for i in range(10_000))
    assert text.startswith("n00000, n00001, ")
    assert text.endswith(f" and {10_000 - LONGEST_LIST:,} more")
    assert len(text) < 200


def test_one_line_has_no_breaks_no_escapes_and_a_bounded_length() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("red \x1b[31m bell\a") == "red \\x1b[31m bell\\x07"
    assert one_line("lone \udc80") == "lone \\udc80"
    assert len(one_line("x" * 5_000, limit=100)) == 100
    assert one_line("price größer") == "price größer"
