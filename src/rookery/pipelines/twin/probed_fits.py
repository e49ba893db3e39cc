"""Probes of what a run was fitted on: training rows alone, and measured again from them."""

from functools import partial

import numpy as np
import polars as pl

from rookery.datasets.scaling import Scaler
from rookery.datasets.trajectories import fit_state_scaler
from rookery.evaluation.leakage import Finding, Fitted, Parts
from rookery.evaluation.leakage.provenance import Rows, provenance
from rookery.evaluation.leakage.serving import recomputation
from rookery.features.fractional import choose_order
from rookery.labels.trader import ActionThresholds, fit_thresholds
from rookery.pipelines.twin.audited import AuditedTwin
from rookery.pipelines.twin.probed_underlying import order_parts, outside_of
from rookery.pipelines.twin.tables import PLAIN_ORDER, choose_underlying_order
from rookery.pipelines.twin.teaching import learnt_of


def of_fits(run: AuditedTwin) -> list[Finding]:
    """Scaler, thresholds, fractional order, range of returns and choice of epoch: of training rows, and measured so."""
    tables, parts, schema = run.tables, run.parts, run.twin.schema
    learnt = learnt_of(run.twin)
    clock = tables.bars["time"].to_physical().to_numpy()
    seen = np.flatnonzero(clock == learnt.last_time_ns).astype(np.int64)
    chose = ("train", "validation") if run.config.selection_share == 0 else ("train",)
    bundled, described = (_figures(one) for one in (run.twin.scaler, tables.scaler))
    thresholds = {"strong buy": schema.thresholds.strong_buy, "strong sell": schema.thresholds.strong_sell}
    found = [
        Fitted(
            name="state scaler", rows=range(*run.twin.scaler.fitted_rows), figures=bundled, refit=partial(_scale, run)
        ),
        Fitted(
            name="action thresholds",
            rows=range(*schema.thresholds.fitted_rows),
            figures=thresholds,
            refit=partial(_strong, run),
        ),
        Fitted(
            name="return-to-go range",
            rows=tables.train_rows,
            figures=dict(zip(("least", "most"), schema.rtg_range, strict=True)),
            refit=lambda _: dict(zip(("least", "most"), tables.trajectories.part(tables.train).rtg_range, strict=True)),
        ),
        Fitted(name="choice of epoch", rows=seen, inside=chose),
    ]
    return [
        *(provenance(one, parts) for one in found),
        *_of_order(run, parts),
        recomputation(pl.DataFrame([described]), pl.DataFrame([bundled]), "scalers"),
    ]


def _of_order(run: AuditedTwin, parts: Parts) -> list[Finding]:
    """The fractional order, if it was not given: of training bars, or of the underlying's that were known by then."""
    stated = run.twin.schema.fractional
    if stated.fitted_rows is None:
        return []
    fitted = Fitted(
        name="fractional order",
        rows=range(*stated.fitted_rows),
        figures={"order": stated.order},
        refit=partial(_order, run),
    )
    return [provenance(fitted, order_parts(run) if run.tables.state.underlying else parts)]


def _scale(run: AuditedTwin, rows: Rows) -> dict[str, float]:
    span, names = range(int(min(rows)), int(max(rows)) + 1), run.tables.state.names
    return _figures(fit_state_scaler(run.tables.states, span, names, clip=run.twin.scaler.clip))


def _strong(run: AuditedTwin, rows: Rows) -> dict[str, float]:
    config = run.tables.config
    span = range(int(min(rows)), int(max(rows)) + 1)
    made: ActionThresholds = fit_thresholds(
        run.tables.bars["net_quantity"], span, quantile=config.action_quantile, by_side=config.by_side
    )
    return {"strong buy": made.strong_buy, "strong sell": made.strong_sell}


def _order(run: AuditedTwin, rows: Rows) -> dict[str, float]:
    span = range(int(min(rows)), int(max(rows)) + 1)
    tau = run.twin.schema.fractional.tau
    if run.tables.state.underlying:
        return {"order": choose_underlying_order(outside_of(run), span, tau).order}
    return {"order": choose_order(run.tables.bars, span, tau=tau, otherwise=PLAIN_ORDER).order}


def _figures(scaler: Scaler) -> dict[str, float]:
    """Mean and scale by column."""
    means = {f"{name} mean": float(value) for name, value in zip(scaler.names, scaler.mean, strict=True)}
    return means | {f"{name} scale": float(value) for name, value in zip(scaler.names, scaler.scale, strict=True)}
