"""Everything that specialists and meta-controller see of a portfolio's bars, reckoned once over the whole record."""

# T bars, M instruments of the groups that have bars, D domain features, K columns

import hashlib
from dataclasses import dataclass

import numpy as np

from rookery.errors import UserError
from rookery.features.domains import domain_features
from rookery.features.macro import Macro, meta_macro
from rookery.market.agent_view import market_view
from rookery.market.bars import Bars
from rookery.market.portfolio_vector_env import Flags, PortfolioData, Singles
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.portfolio import PortfolioBars

_FIELDS = ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Bars with what agents see of them; row t of everything is known at the close of bar t.

    `data` holds all instruments of the settings, `groups` those groups that have bars; `portfolio` and `instruments`
    are of these groups' columns (`columns` of `data`), a missing instrument of such a group among them, never traded.
    """

    data: PortfolioBars
    groups: tuple[GroupName, ...]
    instruments: tuple[str, ...]
    columns: tuple[int, ...]
    portfolio: PortfolioData

    def part(self, rows: range) -> "Observed":
        """Some rows alone. Features were made of all bars before them, so that none starts cold."""
        cut = slice(rows.start, rows.stop)
        whole, data = self.portfolio, self.data.part(rows)
        return Observed(
            data=data,
            groups=self.groups,
            instruments=self.instruments,
            columns=self.columns,
            portfolio=PortfolioData(
                bars=_picked(whole.bars, cut, slice(None)),
                traded_TM=whole.traded_TM[cut],
                groups=whole.groups,
                domains=tuple(domain_TD[cut] for domain_TD in whole.domains),
                view_TMK=whole.view_TMK[cut],
                macro_TK=whole.macro_TK[cut],
                times=data.times,
            ),
        )

    def halves(self, embargo: int) -> tuple["Observed", "Observed"]:
        """An earlier and a later half, `embargo` rows left out between. Raises UserError for too few rows."""
        count = len(self.portfolio.traded_TM)
        half = (count - embargo) // 2
        if half < 2:
            what = f"{count:,} bars of validation leave no two halves with {embargo:,} between them"
            raise UserError(what, place="bars", remedy="give more bars, or lower data.embargo")
        return self.part(range(half)), self.part(range(half + embargo, count))

    def group(self, name: GroupName) -> "GroupObserved":
        """What one specialist trades and sees. Raises KeyError for a group without bars."""
        place = {group: s for s, group in enumerate(self.groups)}[name]
        columns = list(self.portfolio.groups[place])
        return GroupObserved(
            name=name,
            instruments=tuple(self.instruments[m] for m in columns),
            columns=tuple(self.columns[m] for m in columns),
            bars=_picked(self.portfolio.bars, slice(None), columns),
            traded_TM=np.ascontiguousarray(self.portfolio.traded_TM[:, columns]),
            view_TMK=np.ascontiguousarray(self.portfolio.view_TMK[:, columns]),
            domain_TD=self.portfolio.domains[place],
        )

    @property
    def day_bars(self) -> int:
        """Bars of one day around the clock, at least 1."""
        return max(1, round(_DAY_S / self.data.interval_s))

    def fingerprint(self) -> str:
        """sha256 of the bars, when they were traded, and all that is seen of them."""
        digest = hashlib.sha256(repr((self.instruments, self.groups)).encode())
        whole = self.portfolio
        parts = [*(getattr(whole.bars, name) for name in _FIELDS), whole.traded_TM, whole.view_TMK, whole.macro_TK]
        for values in (*parts, *whole.domains):
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupObserved:
    """One specialist's instruments (`columns` of the whole portfolio's bars) and what it sees of them."""

    name: GroupName
    instruments: tuple[str, ...]
    columns: tuple[int, ...]
    bars: Bars
    traded_TM: Flags
    view_TMK: Singles
    domain_TD: Singles


def observe(
    data: PortfolioBars, groups_of: dict[GroupName, tuple[str, ...]], *, macro: Macro | None = None
) -> Observed:
    """What there is to see of a portfolio; `groups_of` names each specialist's instruments, those without bars too."""
    groups = tuple(name for name in groups_of if name in data.groups)
    instruments = tuple(name for name in data.instruments if any(name in groups_of[group] for group in groups))
    columns = [data.instruments.index(name) for name in instruments]
    bars = _picked(data.bars, slice(None), columns)
    domains = tuple(
        domain_features(
            group,
            bars.close_TM,
            data.times.close_ns_T,
            instruments=instruments,
            groups=_with_bars(data, groups_of),
            macro=macro,
        ).values_TF
        for group in groups
    )
    return Observed(
        data=data,
        groups=groups,
        instruments=instruments,
        columns=tuple(columns),
        portfolio=PortfolioData(
            bars=bars,
            traded_TM=np.ascontiguousarray(data.traded_TM[:, columns]),
            groups=tuple(tuple(instruments.index(name) for name in groups_of[group]) for group in groups),
            domains=domains,
            view_TMK=market_view(bars),
            macro_TK=meta_macro(macro or {}, bars.shape[0])[0],
            times=data.times,
        ),
    )


def _with_bars(data: PortfolioBars, groups_of: dict[GroupName, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Each group's instruments that have bars: the flat price of a missing one must not count in a mean."""
    known = {name for name, available in zip(data.instruments, data.available_M, strict=True) if available}
    return {group: tuple(name for name in names if name in known) for group, names in groups_of.items()}


def _picked(bars: Bars, rows: slice, columns: list[int] | slice) -> Bars:
    return Bars(**{name: np.ascontiguousarray(getattr(bars, name)[rows][:, columns]) for name in _FIELDS})
