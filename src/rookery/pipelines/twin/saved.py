"""A trained twin as a bundle, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field

from rookery.agents import bundle
from rookery.agents.bundle import Bundle
from rookery.config import Config
from rookery.datasets.scaling import Scaler
from rookery.errors import UserError
from rookery.features.fractional import FractionalOrder
from rookery.features.state import StateConfig
from rookery.labels.returns import RTG_SCALE
from rookery.labels.trader import ACTIONS, ActionThresholds
from rookery.models.decision_transformer import DecisionTransformerConfig, TraderDecisionTransformer

# Under this name the specification's script looks for the weights.
TORCH_KEY = "model_state_dict"


class TwinBundleConfig(Config):
    """A bundle's config.yaml: how its states are made, and the network's sizes."""

    state: StateConfig
    architecture: DecisionTransformerConfig


class StateNormalization(Config):
    """A bundle's norm.json: what states are scaled by, and the table rows [start, stop) that it was measured on."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    fitted_rows: tuple[int, int]
    clip: float | None

    @classmethod
    def of(cls, scaler: Scaler) -> Self:
        """The figures of `scaler`."""
        return cls(
            names=scaler.names,
            mean=tuple(scaler.mean.tolist()),
            scale=tuple(scaler.scale.tolist()),
            fitted_rows=scaler.fitted_rows,
            clip=scaler.clip,
        )

    def scaler(self) -> Scaler:
        """The scaler of these figures. Raises ValueError when they do not fit each other."""
        return Scaler(
            names=self.names,
            mean=np.array(self.mean),
            scale=np.array(self.scale),
            fitted_rows=self.fitted_rows,
            clip=self.clip,
        )


class Thresholds(Config):
    """From which net quantity an action is strong, and the training rows that say so."""

    strong_buy: float = Field(gt=0)
    strong_sell: float = Field(gt=0)
    quantile: float = Field(gt=0, lt=1)
    fitted_rows: tuple[int, int]


class Order(Config):
    """The fractional order of the states, and the ground for it."""

    order: float = Field(ge=0, le=2)
    tau: float = Field(gt=0, lt=1)
    p_values: tuple[tuple[float, float | None], ...]
    fitted_rows: tuple[int, int] | None


class TwinSchema(Config):
    """A bundle's schema.json: what goes in and comes out, in which order and unit."""

    pipeline: Literal["twin"]
    features: tuple[str, ...]
    actions: tuple[str, ...]
    rtg_scale: float
    rtg_range: tuple[float, float]
    fractional: Order
    thresholds: Thresholds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SavedTwin:
    """A bundle, checked, and the network in it, ready to answer."""

    bundle: Bundle
    model: TraderDecisionTransformer
    scaler: Scaler
    schema: TwinSchema
    state: StateConfig


def save_twin(
    path: Path,
    model: TraderDecisionTransformer,
    scaler: Scaler,
    *,
    state: StateConfig,
    fractional: FractionalOrder,
    thresholds: ActionThresholds,
    seed: int,
    data_fingerprint: str,
    training: Mapping[str, Any],
) -> None:
    """Write the bundle directory `path`. `training` are JSON facts of how the network came about."""
    least, most = model.rtg_range.tolist()
    if not np.isfinite([least, most]).all():
        raise ValueError("the network has not been trained: it knows no range of returns-to-go")
    schema = TwinSchema(
        pipeline="twin",
        features=state.names,
        actions=ACTIONS,
        rtg_scale=RTG_SCALE,
        rtg_range=(least, most),
        fractional=Order.model_validate(fractional.to_json()),
        thresholds=Thresholds.model_validate(thresholds.to_json()),
    )
    norm = StateNormalization.of(scaler)
    settings = TwinBundleConfig(state=state, architecture=model.config)
    bundle.save(
        path,
        config=settings.model_dump(mode="json"),
        norm=norm.model_dump(mode="json"),
        schema={**schema.model_dump(mode="json"), "fingerprint": schema.fingerprint()},
        weights=model.state_dict(),
        seed=seed,
        data_fingerprint=data_fingerprint,
        training=training,
        torch_key=TORCH_KEY,
    )


def load_twin(path: str | Path) -> SavedTwin:
    """Read a bundle that `save_twin` wrote. Raises UserError naming the file that is wrong; runs nothing in it."""
    loaded = bundle.load(path)
    place = loaded.path / bundle.CONFIG
    settings = TwinBundleConfig.parse(dict(loaded.config), place=place, text=loaded.texts[bundle.CONFIG])
    schema = _schema(loaded, settings)
    # On the meta device a network has shapes and no memory: an absurd size costs nothing before it is refused.
    with torch.device("meta"):
        model = TraderDecisionTransformer(**settings.architecture.model_dump())
    loaded.require_shapes({name: value.shape for name, value in model.state_dict().items()})
    model.load_state_dict(dict(loaded.weights), assign=True)
    return SavedTwin(
        bundle=loaded,
        model=model.eval().requires_grad_(False),
        scaler=_scaler(loaded, schema),
        schema=schema,
        state=settings.state,
    )


def _scaler(loaded: Bundle, schema: TwinSchema) -> Scaler:
    place = loaded.path / bundle.NORM
    norm = StateNormalization.parse(dict(loaded.norm), place=place, text=loaded.texts[bundle.NORM])
    if norm.names != schema.features:
        raise UserError("scales other features than schema.json lists, or in another order", place=place)
    try:
        return norm.scaler()
    except ValueError as failure:
        raise UserError(f"does not fit its feature names: {failure}", place=place) from None


def _schema(loaded: Bundle, settings: TwinBundleConfig) -> TwinSchema:
    place = loaded.path / bundle.SCHEMA
    values = dict(loaded.schema)
    stated = values.pop("fingerprint", None)
    schema = TwinSchema.parse(values, place=place, text=loaded.texts[bundle.SCHEMA])
    if stated != schema.fingerprint():
        raise UserError("does not have the fingerprint that it states", place=place)
    for name, found, wanted in (
        ("features", schema.features, settings.state.names),
        ("actions", schema.actions, ACTIONS),
        ("rtg_scale", schema.rtg_scale, RTG_SCALE),
    ):
        if found != wanted:
            raise UserError(f"'{name}' are not those of this Rookery, in its order", place=place)
    if (settings.architecture.state_dim, settings.architecture.action_dim) != (len(schema.features), len(ACTIONS)):
        raise UserError("has other numbers of features or actions than config.yaml's architecture", place=place)
    return schema
