import numpy as np
import numpy.typing as npt
import pytest

from rookery.features.domains import DOMAIN_FEATURES, domain_features

NAMES = ("EURUSD", "USDJPY", "XAUUSD", "NAS100", "US30")
GROUPS = {"forex": NAMES[:2], "commodities": NAMES[2:3], "equity": NAMES[3:]}
ROWS = 150
HOUR = 3600 * 10**9
Floats = npt.NDArray[np.float64]


def features(
    domain: str, close: Floats | None = None, macro: dict[str, Floats] | None = None, first_ns: int = 0
) -> tuple[dict[str, float], dict[str, bool]]:
    """Values of the last bar by name, and whether they are known."""
    close = np.full((ROWS, len(NAMES)), 100.0) if close is None else close
    time_ns = first_ns + np.arange(len(close), dtype=np.int64) * HOUR
    made = domain_features(domain, close, time_ns, instruments=NAMES, groups=GROUPS, macro=macro)
    values = dict(zip(made.names, made.values_TF[-1].tolist(), strict=True))
    return values, dict(zip(made.names, made.known_TF[-1].tolist(), strict=True))


def test_the_three_domains_are_as_wide_as_published():
    assert [len(names) for names in DOMAIN_FEATURES.values()] == [8, 6, 7]


def test_what_is_not_to_be_had_is_0_and_said_to_be_unknown():
    values, known = features("forex")
    for name in ("us_eur_spread", "mean_spread", "central_bank_stance"):
        assert (values[name], known[name]) == (0.0, False)


def test_the_dollar_rises_when_pairs_quoted_in_it_fall():
    close = np.full((ROWS, len(NAMES)), 100.0)
    close[-1, 0], close[-1, 1] = 99.0, 101.0
    values, known = features("forex", close)
    assert known["dollar"]
    assert values["dollar"] == pytest.approx((np.log(1.01) - np.log(0.99)) / 2, rel=1e-5)


def test_macro_figures_take_the_place_of_what_bars_tell():
    macro = {name: np.full(ROWS, value) for name, value in {"dxy": 105.0, "fed_rate": 5.0, "ecb_rate": 4.0}.items()}
    values, known = features("forex", macro=macro)
    assert (values["dollar"], values["us_eur_spread"], values["mean_spread"]) == pytest.approx((0.05, 1.0, 1.0))
    assert known["us_eur_spread"]
    assert not known["us_gbp_spread"]


def test_commodities_read_expectations_real_rates_and_risk():
    figures = {
        "cpi_expected": 3.0,
        "ppi_expected": 1.0,
        "vix": 20.0,
        "sentiment": 0.5,
        "yield_10y": 4.5,
        "inflation": 3.0,
    }
    values, _ = features("commodities", macro={name: np.full(ROWS, value) for name, value in figures.items()})
    assert values["expected_inflation"] == pytest.approx(2.0)
    assert values["geopolitical_risk"] == pytest.approx(0.1)
    assert values["real_rate"] == pytest.approx(1.5)


def test_breadth_is_the_share_of_rises():
    close = np.full((ROWS, len(NAMES)), 100.0)
    close[-2:, 3], close[-1:, 4] = 101.0, 99.0
    assert features("equity", close)[0]["breadth"] == pytest.approx(0.5)


def test_the_earnings_phase_is_the_share_of_the_quarter_that_is_over():
    first = int(np.datetime64("2021-02-14T18:00", "ns").astype(np.int64)) - (ROWS - 1) * HOUR
    assert features("equity", first_ns=first)[0]["earnings_phase"] == pytest.approx(44.75 / 90, rel=1e-6)


def test_growth_against_value_is_the_nasdaqs_lead_over_the_dow():
    close = np.full((ROWS, len(NAMES)), 100.0)
    close[-1, 3] = 110.0
    assert features("equity", close)[0]["growth_vs_value"] == pytest.approx(np.log(1.1), rel=1e-5)


def test_a_domain_without_features_is_refused():
    with pytest.raises(ValueError, match="no features for 'bonds'"):
        features("bonds")
