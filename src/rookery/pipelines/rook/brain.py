"""A trained ROOK that decides: side, size, slippage and deadline, or a HOLD that says why."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.agents import bundle
from rookery.datasets.sequences import SIDES
from rookery.errors import UserError
from rookery.pipelines.rook.answering import answer_many, answer_one
from rookery.pipelines.rook.config import TradingConfig
from rookery.pipelines.rook.inputs import DoubtError, balances, check_market, read_features
from rookery.pipelines.rook.policy import AMOUNTS, BAD_INPUT, REASONS, Answers, choose
from rookery.pipelines.rook.saved import load_brain
from rookery.types import Decision, Pair, Side

_CHANCES = tuple(f"p_{name.lower()}" for name in SIDES)
_PREDICTED = [*_CHANCES, *AMOUNTS]


class TrainedROOKBrain:
    """A bundle that decides.

    `decide` and `decide_batch` agree to 1e-6 in every chance and relatively in every amount: the CPU's matrix kernels
    may add in another order for few rows than for many. (Measured on AVX-512: to the bit, for layers 24 wide or more.)
    Safe to share between threads.
    """

    def __init__(
        self, model_path: str | Path, pair: str | Pair | None = None, *, trading: TradingConfig | None = None
    ) -> None:
        """Load and check the bundle directory `model_path`; `trading` replaces its own limits.

        `pair` ("ETH_USDC", "ETH/USDC" or a Pair), if given, must be the bundle's. Raises UserError for a bundle that
        is damaged, hostile, or of another pair.
        """
        self._saved = load_brain(model_path)
        limits = self._saved.limits
        if pair is not None and _tokens(pair) != _tokens(limits.pair):
            raise UserError(
                f"was trained on {limits.pair}, not on {'/'.join(_tokens(pair))}",
                place=model_path,
                remedy="give the bundle of that pair, or leave pair out",
            )
        self.limits: TradingConfig = limits if trading is None else trading
        self._base, self._quote = _tokens(limits.pair)

    def decide(self, features: object, portfolio_state: object = None, market_state: object = None) -> Decision:
        """Decide on the last row of a window. Whatever is doubtful is a HOLD whose reason says what; never an error.

        `features`: see inputs.read_features. `portfolio_state`: balances by `base` and `quote` (or the tokens' names);
        what is not said is not checked. `market_state`: `time` and `now` for the check of age, `price`.
        Reasons: signal, hold, below_threshold, below_min_size, no_balance, stale_input, future_input, bad_input: what.
        """
        schema = self._saved.schema
        try:
            check_market(market_state, max_age_s=self.limits.max_age_s)
            held = balances(portfolio_state, base=self._base, quote=self._quote)
            core_LF, conditions_C = read_features(
                features,
                seq_len=schema.seq_len,
                core_names=schema.core_features,
                condition_names=schema.condition_features,
            )
        except DoubtError as doubt:
            return _hold(str(doubt))
        answers = answer_one(self._saved, core_LF, conditions_C)
        choice = choose(answers, self.limits, longest_deadline_s=schema.target_units.deadline_s)
        chances = dict(zip(SIDES, answers.chances_NK[0].tolist(), strict=True))
        side, confidence = Side(SIDES[choice.side_N[0]]), float(choice.confidence_N[0])
        reason = REASONS[choice.reason_N[0]]
        if choice.reason_N[0] == BAD_INPUT:
            return _hold("bad_input: a value is too large for the network")
        if side != Side.HOLD and held[side] == 0:
            return _hold("no_balance", confidence=confidence, probabilities=chances)
        return Decision(
            side=side,
            **dict(zip(AMOUNTS, choice.amounts_NA[0].tolist(), strict=True)),
            confidence=confidence,
            reason=reason,
            probabilities=chances,
        )

    def predict(self, core_NLF: npt.ArrayLike, conditions_NC: npt.ArrayLike) -> pl.DataFrame:
        """What the network says, before any limit: p_buy, p_hold, p_sell, size, slippage_bps, deadline_s, N rows.

        Takes unscaled windows (N, L, F) and conditions (N, C) in the bundle's order. A row's answer is the same, bit
        for bit, however many rows are asked about. Rows with a value that is not finite answer null.
        """
        answers = answer_many(self._saved, np.asarray(core_NLF), np.asarray(conditions_NC))
        return pl.DataFrame(np.hstack((answers.chances_NK, answers.amounts_NA)), schema=_PREDICTED).fill_nan(None)

    def decide_batch(self, core_NLF: npt.ArrayLike, conditions_NC: npt.ArrayLike) -> pl.DataFrame:
        """`decide` on N windows at once, without portfolio or clock.

        Columns side, size, slippage_bps, deadline_s, confidence, reason, p_buy, p_hold, p_sell.
        """
        return self._limited(self.predict(core_NLF, conditions_NC))

    def decisions(self, predictions: pl.DataFrame, swaps: pl.DataFrame) -> pl.DataFrame:
        """A DECISIONS table of what `predict` said, one row per swap of `swaps`, which must be as many."""
        if predictions.height != swaps.height:
            raise ValueError(f"{predictions.height} predictions for {swaps.height} swaps")
        place = pl.DataFrame({"row": np.arange(swaps.height, dtype=np.int64), "time": swaps["time"]})
        return pl.concat([place, self._limited(predictions)], how="horizontal")

    def get_model_info(self) -> dict[str, Any]:
        """What this brain is, in JSON values: network, features, classes, limits, how it was trained, fingerprints."""
        saved = self._saved
        return {
            "pair": saved.limits.pair,
            "architecture": saved.model.config.model_dump(mode="json"),
            "parameters": sum(value.numel() for value in saved.model.parameters()),
            "seq_len": saved.schema.seq_len,
            "core_features": list(saved.schema.core_features),
            "condition_features": list(saved.schema.condition_features),
            "feature_units": dict(saved.schema.feature_units),
            "classes": list(saved.schema.classes),
            "trading": self.limits.model_dump(mode="json", exclude={"pair"}),
            "training": {
                **saved.bundle.facts["training"],
                "seed": saved.bundle.facts["seed"],
                "fitted_rows": list(saved.scalers.core.fitted_rows),
            },
            "fingerprints": {
                "schema": saved.schema.fingerprint(),
                "data": saved.bundle.facts["data_fingerprint"],
                "weights": saved.bundle.hashes[bundle.WEIGHTS],
                "code": saved.bundle.facts["code"],
            },
        }

    def _limited(self, predictions: pl.DataFrame) -> pl.DataFrame:
        answers = Answers(
            chances_NK=predictions.select(_CHANCES).to_numpy(), amounts_NA=predictions.select(AMOUNTS).to_numpy()
        )
        choices = choose(answers, self.limits, longest_deadline_s=self._saved.schema.target_units.deadline_s)
        made = pl.DataFrame(
            {
                "side": pl.Series(choices.side_N).replace_strict(dict(enumerate(SIDES)), return_dtype=pl.String),
                **{name: np.ascontiguousarray(choices.amounts_NA[:, a]) for a, name in enumerate(AMOUNTS)},
                "confidence": choices.confidence_N,
                "reason": pl.Series(choices.reason_N).replace_strict(dict(enumerate(REASONS)), return_dtype=pl.String),
            }
        )
        return pl.concat([made, predictions.select(_CHANCES)], how="horizontal")


def _hold(reason: str, *, confidence: float = 0.0, probabilities: dict[str, float] | None = None) -> Decision:
    return Decision(
        side=Side.HOLD,
        size=0.0,
        slippage_bps=0.0,
        deadline_s=0.0,
        confidence=confidence,
        reason=reason,
        probabilities=probabilities or {},
    )


def _tokens(pair: str | Pair) -> tuple[str, str]:
    """Base and quote of ETH_USDC, ETH/USDC or ETH-USDC, in capitals."""
    if isinstance(pair, Pair):
        return pair.base.upper(), pair.quote.upper()
    tokens = pair.upper().replace("_", "/").replace("-", "/").split("/")
    if len(tokens) != 2 or not all(tokens):
        raise UserError(f"pair '{pair}' is not of the form BASE/QUOTE", place="pair", remedy="write ETH/USDC")
    return tokens[0], tokens[1]
