"""The portfolio's shield in the ledger's terms: limits, sectors, price bands and circuit breakers of the settings."""

from collections.abc import Sequence

from rookery.market.env_config import EnvConfig
from rookery.market.terms import Account, Breakers, Instrument
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.groups import BY_NAME, OTHER_PRICE_BAND


def shielded_env(
    config: SpecialistsConfig, instruments: Sequence[str], *, bar_minutes: float, **changes: object
) -> EnvConfig:
    """Settings of an environment behind the shield; `changes` replace keys, `bar_minutes` times that bars lack."""
    facts = {**_limits(config, bar_minutes), **changes}
    behind = {"instruments": tuple(shielded(config, name) for name in instruments)}
    return config.env(tuple(instruments), **facts).model_copy(update=behind)


def shielded_account(config: SpecialistsConfig, *, bar_minutes: float = 60.0) -> Account:
    """The account that such an environment trades with, for books that are settled elsewhere."""
    return shielded_env(config, (), bar_minutes=bar_minutes).account()


def _limits(config: SpecialistsConfig, bar_minutes: float) -> dict[str, object]:
    limits, own = config.environment, config.portfolio_risk
    return {
        "leverage": own.max_portfolio_exposure,
        "max_position_size": config.position_size,
        "max_portfolio_var": limits.max_portfolio_var,
        "var_confidence": own.var_confidence,
        "covariance_window": own.correlation_window,
        "max_correlation_exposure": limits.max_correlation_exposure,
        "max_sector_allocation": limits.max_sector_allocation,
        "enforced": True,
        "breakers": Breakers(
            day_losses=own.day_losses,
            cooldowns_min=own.cooldowns_min,
            emergency_day_loss=own.emergency_day_loss,
            emergency_drawdown=own.emergency_drawdown,
            bar_minutes=bar_minutes,
        ),
    }


def shielded(config: SpecialistsConfig, name: str) -> Instrument:
    """An instrument with its price band and its sector, which is its specialist's group."""
    listed = BY_NAME.get(name)
    band, sector = (OTHER_PRICE_BAND, "") if listed is None else (listed.price_band, listed.group)
    return config.environment.instrument(name).model_copy(update={"price_band": band, "sector": sector})
