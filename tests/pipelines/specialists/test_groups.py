"""Names of instruments and what a file's name says."""

from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.pipelines.specialists.groups import GROUPS, INSTRUMENTS, resolve, sector
from rookery.pipelines.specialists.names import instrument_of, named


def test_the_groups_are_the_specifications():
    assert GROUPS == {
        "forex": ("EURUSD", "GBPUSD", "USDJPY"),
        "commodities": ("XAUUSD", "WTIUSD"),
        "equity": ("SPX500", "NAS100", "US30"),
    }
    assert sector("XAUUSD") == "commodities"
    assert {one.name: one.price_band for one in INSTRUMENTS if one.group == "commodities"} == {
        "XAUUSD": 0.05,
        "WTIUSD": 0.05,
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("usa500idxusd", "SPX500"),
        ("USATECHIDXUSD", "NAS100"),
        ("EUR/USD", "EURUSD"),
        ("@CL", "WTIUSD"),
        ("^DJI", "US30"),
    ],
)
def test_exporters_names_are_known(name: str, meant: str):
    assert resolve(name) == (meant, None)


def test_brent_stands_in_for_wti_and_says_so():
    assert resolve("BRENTCMDUSD") == ("WTIUSD", "Brent crude stands in for WTI")


@pytest.mark.parametrize(
    ("file", "meant"),
    [
        ("EURUSD_H4.csv.gz", "EURUSD"),
        ("@CL - 30 min - ETH.csv.gz", "WTIUSD"),
        ("NQ - 30 min - ETH.csv.gz", "NAS100"),
        ("xauusd_hour_quote.csv.gz", "XAUUSD"),
        ("XAU_USD Historical Data.csv", "XAUUSD"),
        ("Crude Oil WTI Futures Historical Data.csv", "WTIUSD"),
    ],
)
def test_a_files_first_words_say_what_it_holds(file: str, meant: str):
    found = instrument_of(Path(file))
    assert found is not None
    assert found[0] == meant


def test_a_file_of_something_else_is_nobodys():
    assert instrument_of(Path("bitcoin.csv")) is None


def test_a_name_may_be_given_before_the_file():
    assert named("XAUUSD=data/a=b.csv") == ("XAUUSD", Path("data/a=b.csv"))
    assert named("data/a=b.csv") == (None, Path("data/a=b.csv"))


def test_a_given_name_that_is_not_known_is_refused_with_the_nearest():
    with pytest.raises(UserError) as caught:
        instrument_of(Path("x.csv"), "EURUSE")
    assert caught.value.remedy == "did you mean 'EURUSD'?"
