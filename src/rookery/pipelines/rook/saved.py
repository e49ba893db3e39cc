"""A trained ROOK network as a bundle, and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from rookery.agents import bundle
from rookery.agents.bundle import Bundle
from rookery.config import Config
from rookery.datasets.batches import TargetUnits
from rookery.datasets.normalization import Normalization
from rookery.datasets.scaling import Scalers
from rookery.datasets.sequences import SIDES
from rookery.errors import UserError
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.swaps import CORE_FEATURES
from rookery.models.lstm import LstmConfig, SwapLSTM
from rookery.pipelines.rook.config import TradingConfig
from rookery.types import Pair


class TradingLimits(TradingConfig):
    """The `rook_config` section of a bundle's config.yaml: the pair and what may be done in it."""

    pair: str


class BundleConfig(Config):
    """A bundle's config.yaml."""

    rook_config: TradingLimits
    architecture: LstmConfig


class Units(Config):
    """What counts as 1 in each regression head."""

    size: float = Field(gt=0)
    slippage_bps: float = Field(gt=0)
    deadline_s: float = Field(gt=0)


class Schema(Config):
    """A bundle's schema.json: what goes in and comes out, in which order and in which unit."""

    pipeline: Literal["rook"]
    seq_len: int = Field(ge=1, le=10_000)
    core_features: tuple[str, ...]
    condition_features: tuple[str, ...]
    feature_units: dict[str, str]
    classes: tuple[str, ...]
    target_units: Units


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SavedBrain:
    """A bundle, checked, and the network in it, ready to answer."""

    bundle: Bundle
    model: SwapLSTM
    scalers: Scalers
    schema: Schema
    limits: TradingLimits


def save_brain(
    path: Path,
    model: SwapLSTM,
    scalers: Scalers,
    *,
    seq_len: int,
    units: TargetUnits,
    trading: TradingConfig,
    pair: Pair,
    seed: int,
    data_fingerprint: str,
    training: Mapping[str, Any],
) -> None:
    """Write the bundle directory `path`. `training` are JSON facts of how the network came about."""
    schema = Schema(
        pipeline="rook",
        seq_len=seq_len,
        core_features=scalers.core.names,
        condition_features=scalers.conditions.names,
        feature_units=feature_units(pair),
        classes=SIDES,
        target_units=Units(**asdict(units)),
    )
    bundle.save(
        path,
        config={
            "rook_config": {"pair": f"{pair.base}/{pair.quote}", **trading.model_dump(mode="json")},
            "architecture": model.config.model_dump(mode="json"),
        },
        norm=Normalization.of(scalers).model_dump(mode="json"),
        schema={**schema.model_dump(mode="json"), "fingerprint": schema.fingerprint()},
        weights=model.state_dict(),
        seed=seed,
        data_fingerprint=data_fingerprint,
        training=training,
    )


def load_brain(path: str | Path) -> SavedBrain:
    """Read a bundle that `save_brain` wrote. Raises UserError naming the file that is wrong; runs nothing in it."""
    loaded = bundle.load(path)
    settings = BundleConfig.parse(
        dict(loaded.config), place=loaded.path / bundle.CONFIG, text=loaded.texts[bundle.CONFIG]
    )
    schema = _schema(loaded, settings.architecture)
    norm_place = loaded.path / bundle.NORM
    norm = Normalization.parse(dict(loaded.norm), place=norm_place, text=loaded.texts[bundle.NORM])
    # On the meta device a network has shapes and no memory: an absurd size costs nothing before it is refused.
    with torch.device("meta"):
        model = SwapLSTM(settings.architecture)
    loaded.require_shapes({name: value.shape for name, value in model.state_dict().items()})
    model.load_state_dict(dict(loaded.weights), assign=True)
    return SavedBrain(
        bundle=loaded,
        model=model.eval().requires_grad_(False),
        scalers=norm.scalers(schema.core_features, schema.condition_features, place=norm_place),
        schema=schema,
        limits=settings.rook_config,
    )


def feature_units(pair: Pair) -> dict[str, str]:
    """The unit of every feature of the network, by name."""
    price = f"{pair.quote} per {pair.base}"
    kinds = {
        "price_change": "relative",
        "price_trend": "relative",
        "volatility": "relative",
        "volume_trend": "ratio",
        "liquidity_impact": f"{pair.base} per 1e18 of liquidity",
        "avg_tick_change": "ticks",
        "avg_time_diff": "s",
        "total_transactions": "swaps",
        "current_liquidity": "as the pool counts it",
        "volume": pair.base,
        "avg_volume": pair.base,
    }
    # The longest prefix decides; whatever is left is a price.
    ordered = sorted(kinds, key=len, reverse=True)
    return {
        name: next((kinds[kind] for kind in ordered if name.startswith(kind)), price)
        for name in (*CORE_FEATURES, *CONDITION_FEATURES)
    }


def _schema(loaded: Bundle, architecture: LstmConfig) -> Schema:
    place = loaded.path / bundle.SCHEMA
    values = dict(loaded.schema)
    stated = values.pop("fingerprint", None)
    schema = Schema.parse(values, place=place, text=loaded.texts[bundle.SCHEMA])
    if stated != schema.fingerprint():
        raise UserError("does not have the fingerprint that it states", place=place)
    known = {"core_features": CORE_FEATURES, "condition_features": CONDITION_FEATURES, "classes": SIDES}
    for name, wanted in known.items():
        if getattr(schema, name) != wanted:
            raise UserError(
                f"'{name}' are not those of this Rookery, in its order",
                place=place,
                remedy=f"expected {', '.join(wanted[:6])}{', ...' if len(wanted) > 6 else ''}",
            )
    sizes = (architecture.core_features, architecture.condition_features, architecture.classes)
    if sizes != (len(schema.core_features), len(schema.condition_features), len(schema.classes)):
        raise UserError("has other numbers of features or classes than config.yaml's architecture", place=place)
    return schema
