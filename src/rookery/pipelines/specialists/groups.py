"""Which specialist trades which instruments, under which names exporters list them, and what each costs to trade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rookery.market.terms import Instrument

GroupName = Literal["forex", "commodities", "equity"]
GROUP_NAMES: tuple[GroupName, ...] = get_args(GroupName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An instrument of the specification.

    `aliases`: names under which exporters list the same thing; `stand_ins`: another thing that may take its place, and
    is said to. `half_spread_bps` and `slippage_bps` are typical of a retail account, in basis points of the price.
    `price_band` is how far from the last close an order's price may lie, as a share.
    """

    name: str
    group: GroupName
    aliases: tuple[str, ...]
    stand_ins: Mapping[str, str]
    half_spread_bps: float
    slippage_bps: float
    price_band: float

    def instrument(self, *, typical_costs: bool) -> Instrument:
        """Sector, price band and costs for the ledger: typical ones and no fee, or those of the account."""
        plain = Instrument(name=self.name, price_band=self.price_band, sector=self.group)
        costs = {"fee_bps": 0.0, "half_spread_bps": self.half_spread_bps, "slippage_bps": self.slippage_bps}
        return plain.model_copy(update=costs) if typical_costs else plain


def _listed(
    name: str,
    group: GroupName,
    aliases: Sequence[str],
    *,
    half_spread_bps: float,
    price_band: float,
    stand_ins: Mapping[str, str] | None = None,
) -> Listed:
    return Listed(
        name=name,
        group=group,
        aliases=tuple(aliases),
        stand_ins=dict(stand_ins or {}),
        half_spread_bps=half_spread_bps,
        slippage_bps=0.25,
        price_band=price_band,
    )


# Half spreads: half of OANDA's median hourly spread, 2007 to 2019, for EURUSD (0.00013) and gold (0.36); for the others
# the same order, scaled by the spreads that retail brokers list for them.
INSTRUMENTS: tuple[Listed, ...] = (
    _listed("EURUSD", "forex", ["EUR_USD", "EURUSDX"], half_spread_bps=0.55, price_band=0.02),
    _listed("GBPUSD", "forex", ["GBP_USD", "GBPUSDX"], half_spread_bps=0.75, price_band=0.02),
    _listed("USDJPY", "forex", ["USD_JPY", "JPYX", "USDJPYX"], half_spread_bps=0.65, price_band=0.02),
    _listed("XAUUSD", "commodities", ["XAU_USD", "GOLD"], half_spread_bps=1.45, price_band=0.05),
    _listed(
        "WTIUSD",
        "commodities",
        ["WTI", "WTICOUSD", "WTICO_USD", "USOIL", "XTIUSD", "LIGHTCMDUSD", "CL", "USOUSD", "CRUDEOILWTI"],
        half_spread_bps=2.5,
        price_band=0.05,
        stand_ins={
            "BRENTCMDUSD": "Brent crude stands in for WTI",
            "BRENT": "Brent crude stands in for WTI",
            "UKOIL": "Brent crude stands in for WTI",
            "XBRUSD": "Brent crude stands in for WTI",
            "BCOUSD": "Brent crude stands in for WTI",
        },
    ),
    _listed(
        "SPX500",
        "equity",
        ["USA500IDXUSD", "SPX500USD", "SPXUSD", "SPX", "US500", "SP500", "ES"],
        half_spread_bps=0.9,
        price_band=0.03,
        stand_ins={"SPY": "the SPY fund stands in for the S&P 500"},
    ),
    _listed(
        "NAS100",
        "equity",
        ["USATECHIDXUSD", "NAS100USD", "NSXUSD", "NDX", "USTEC", "US100", "NQ"],
        half_spread_bps=0.9,
        price_band=0.03,
        stand_ins={"QQQ": "the QQQ fund stands in for the Nasdaq 100"},
    ),
    _listed(
        "US30",
        "equity",
        ["USA30IDXUSD", "US30USD", "DJI", "DJIA", "WS30", "DOW30", "YM"],
        half_spread_bps=0.9,
        price_band=0.03,
        stand_ins={"DIA": "the DIA fund stands in for the Dow Jones 30"},
    ),
)
BY_NAME: Mapping[str, Listed] = {listed.name: listed for listed in INSTRUMENTS}
GROUPS: Mapping[GroupName, tuple[str, ...]] = {
    group: tuple(listed.name for listed in INSTRUMENTS if listed.group == group) for group in GROUP_NAMES
}
# Of an instrument that the specification does not list.
OTHER_PRICE_BAND = 0.05


def sector(instrument: str) -> GroupName:
    """The group, which is also the sector, of one of the specification's instruments. Raises KeyError for others."""
    return BY_NAME[instrument].group


def resolve(name: str) -> tuple[str, str | None] | None:
    """The specification's name for an exporter's, and a sentence where another thing stands in; None when unknown.

    Case and the signs `_ - / . @ #` and blanks do not count.
    """
    plain = _plain(name)
    for listed in INSTRUMENTS:
        if plain == listed.name or plain in {_plain(alias) for alias in listed.aliases}:
            return listed.name, None
        for stand_in, sentence in listed.stand_ins.items():
            if plain == stand_in:
                return listed.name, sentence
    return None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())
