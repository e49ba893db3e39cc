"""What a trader's next action would be by simpler means than a twin: his mix, his habits, and usual classifiers.

All are fitted on training rows alone, and give the chances of every action on the rows that are judged.
"""

# R rows, K kinds of action, X inputs, N rows of another part

from dataclasses import dataclass
from typing import Any

import numpy as np

from rookery.evaluation.identifiability.rows import ActionRows
from rookery.evaluation.identifiability.scores import surprise
from rookery.measures import Floats, Ints

# Rows of each kind that are added to what was counted, so that nothing is impossible (Laplace).
_ADDED = 1.0
FOLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TreesConfig:
    """Gradient-boosted trees; how many rounds, up to `most_rounds`, is chosen on folds of training markets."""

    most_rounds: int = 80
    learning_rate: float = 0.08
    most_leaves: int = 15
    least_rows: int = 20
    regularisation: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Chances of a flexible model: on the judged rows, and on each training row from folds without its market.

    `at_limit` says that the most rounds that were tried were the best of all: with more it might do better.
    """

    judged_NK: Floats
    crossed_RK: Floats
    rounds: int
    at_limit: bool


def class_prior(train: ActionRows, judged: ActionRows) -> Floats:
    """The training mix of actions, whatever happens."""
    counts_K = np.bincount(train.actions_R, minlength=train.kinds) + _ADDED
    return np.tile(counts_K / counts_K.sum(), (judged.actions_R.size, 1))


def repeat_last(train: ActionRows, judged: ActionRows) -> Floats:
    """The action before once more, with the chance that it was repeated in training; the rest by the training mix.

    Where the action before is unknown: the training mix.
    """
    known_R = train.before_R >= 0
    same = int((train.before_R == train.actions_R)[known_R].sum())
    repeats = (same + _ADDED) / (int(known_R.sum()) + 2 * _ADDED)
    chances_NK = class_prior(train, judged)
    rows_N = np.flatnonzero(judged.before_R >= 0)
    last_N = judged.before_R[rows_N]
    chances_NK[rows_N] *= ((1 - repeats) / (1 - chances_NK[rows_N, last_N]))[:, None]
    chances_NK[rows_N, last_N] = repeats
    return chances_NK


def markov(train: ActionRows, judged: ActionRows) -> Floats:
    """First-order Markov: the training mix after each action, and after an unknown one; 1 added to every count."""
    kinds = train.kinds
    # -1, the unknown action, counts from the table's end.
    counts_KK = np.full((kinds + 1, kinds), _ADDED)
    np.add.at(counts_KK, (train.before_R, train.actions_R), 1.0)
    table_KK = counts_KK / counts_KK.sum(axis=1, keepdims=True)
    return np.asarray(table_KK[judged.before_R])


def logistic(train: ActionRows, judged: ActionRows, *, with_rtg: bool = False) -> Floats:
    """Multinomial logistic regression with an L2 penalty (scikit-learn's default strength) on standardised inputs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    model.fit(train.inputs(with_rtg=with_rtg), train.actions_R)
    return _all_kinds(model.predict_proba(judged.inputs(with_rtg=with_rtg)), model.classes_, train)


def trees(
    train: ActionRows, judged: ActionRows, *, seed: int, with_rtg: bool = False, config: TreesConfig | None = None
) -> Fitted:
    """Histogram gradient boosting (Ke et al. 2017, as in scikit-learn) on the state and the action before.

    The rounds are those with the least log loss on folds of whole training markets; with one market there are no
    folds, and half the rounds are used.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # So few rows are learnt no faster on two threads, and much slower where another process has one of them.
    with threadpool_limits(limits=1, user_api="openmp"):
        return _trees(train, judged, seed=seed, with_rtg=with_rtg, settings=config or TreesConfig())


def _trees(train: ActionRows, judged: ActionRows, *, seed: int, with_rtg: bool, settings: TreesConfig) -> Fitted:
    inputs_RX = train.inputs(with_rtg=with_rtg)
    crossed_TRK = np.zeros((settings.most_rounds, train.actions_R.size, train.kinds))
    fold_R = _folds(train.market_R, seed=seed)
    folds = np.unique(fold_R)
    for fold in folds if folds.size > 1 else ():
        out_R = fold_R == fold
        model = _boosted(settings, settings.most_rounds, seed).fit(inputs_RX[~out_R], train.actions_R[~out_R])
        for round_, chances in enumerate(model.staged_predict_proba(inputs_RX[out_R])):
            crossed_TRK[round_, out_R] = _all_kinds(chances, model.classes_, train)
    losses = [float(surprise(one, train.actions_R).mean()) for one in crossed_TRK]
    rounds = int(np.argmin(losses)) + 1 if folds.size > 1 else settings.most_rounds // 2
    model = _boosted(settings, rounds, seed).fit(inputs_RX, train.actions_R)
    judged_NK = _all_kinds(model.predict_proba(judged.inputs(with_rtg=with_rtg)), model.classes_, train)
    return Fitted(
        judged_NK=judged_NK, crossed_RK=crossed_TRK[rounds - 1], rounds=rounds, at_limit=rounds == settings.most_rounds
    )


def _folds(market_R: Ints, *, seed: int) -> Ints:
    """(R,) The fold of each row's market; markets are dealt out at random."""
    markets, place_R = np.unique(market_R, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(markets.size) % FOLDS
    return np.asarray(dealt[place_R], dtype=np.int64)


def _boosted(config: TreesConfig, rounds: int, seed: int) -> Any:  # noqa: ANN401  scikit-learn has no types
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=config.learning_rate,
        max_leaf_nodes=config.most_leaves,
        min_samples_leaf=config.least_rows,
        l2_regularization=config.regularisation,
        early_stopping=False,
        random_state=seed,
    )


def _all_kinds(chances_NC: Floats, classes: Ints, train: ActionRows) -> Floats:
    """Chances of all kinds; one that was never seen in training gets what 1 row more of it would have given."""
    chances_NK = np.full((len(chances_NC), train.kinds), _ADDED / (train.actions_R.size + train.kinds))
    chances_NK[:, classes] = chances_NC
    return np.asarray(chances_NK / chances_NK.sum(axis=1, keepdims=True))
