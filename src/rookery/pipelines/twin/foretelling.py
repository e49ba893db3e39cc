"""How well a twin foretells held-out decisions, beside models that are fitted on the rows that it has learnt from."""

# R rows of held-out markets, N of them with a known action, K kinds of action

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rookery.datasets.scaling import Float32
from rookery.datasets.trajectories import UNKNOWN, Trajectories
from rookery.evaluation.identifiability import baselines
from rookery.evaluation.identifiability.ceiling import Ceiling, ceiling
from rookery.evaluation.identifiability.gates import below_trees, too_good
from rookery.evaluation.identifiability.importance import PAST_ACTIONS, RETURN_TO_GO, Answer, permutation_importance
from rookery.evaluation.identifiability.resampling import market_draws
from rookery.evaluation.identifiability.rows import ActionRows
from rookery.evaluation.identifiability.scores import ActionScores, action_scores, paired, surprise
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.verdict import Gate
from rookery.features.state import EXTENSION, SPEC17
from rookery.labels.trader import ACTIONS
from rookery.measures import Floats, Ints
from rookery.pipelines.twin.answers import attention, chances
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.tables import TwinTables
from rookery.progress import Progress

TWIN, TOLD = "twin", "twin, told the return"
PRIOR, REPEAT, MARKOV, LOGISTIC = "class prior", "repeat last", "Markov", "logistic"
TREES, TOLD_TREES = "boosted trees", "boosted trees, told the return"
# Each model is held against the twin that knows as much as it does.
RIVAL_OF: Mapping[str, str] = {
    PRIOR: TWIN,
    REPEAT: TWIN,
    MARKOV: TWIN,
    LOGISTIC: TWIN,
    TREES: TWIN,
    TOLD_TREES: TOLD,
}
GROUPS = {
    "market": SPEC17[0:3],
    "indicators": SPEC17[3:6],
    "clock": SPEC17[6:12],
    "position": SPEC17[12:17],
    "extension": EXTENSION,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foretelling:
    """Every model's chances on the N held-out decisions (`rows`), and what follows from them.

    `differences` are the log loss of the twin less that of each of RIVAL_OF, paired. `asked_rtg` (x 100) is what TWIN
    is given at every bar: the median return-to-go of the training rows, which tells nothing of the future; TOLD is
    given the true one. `importance` is of TWIN's inputs but for the return-to-go, which is of TOLD's. `attention` is by
    lag, from the bar itself back, over `attended` markets. `rounds` are those of TREES; `limited` names the trees
    that were at their best with the most rounds that were tried.
    """

    rows: ActionRows
    train: ActionRows
    chances: Mapping[str, Floats]
    scores: Mapping[str, ActionScores]
    differences: Mapping[str, Estimate]
    ceiling: Ceiling
    gates: tuple[Gate, ...]
    importance: Mapping[str, Estimate]
    attention: Floats
    attended: int
    asked_rtg: float
    rounds: int
    limited: tuple[str, ...]


def foretell(
    tables: TwinTables, inference: TraderInference, *, config: TwinConfig, seed: int, progress: Progress
) -> Foretelling:
    """Score the twin and its rivals on the validation markets of `tables`; the trader's own past actions are known."""
    part, learnt = (tables.trajectories.part(span) for span in (tables.validation, tables.train))
    rows, train = action_rows(part), action_rows(learnt)
    asked = float(np.median(train.rtg_R))
    constant_R, true_R = np.full(len(part), asked), np.nan_to_num(part.rtg_R).astype(np.float64)
    known_R = _known(part)

    def answer(states_RF: Float32, actions_R: Ints, rtg_R: Floats) -> Floats:
        seen = replace(part, states_RF=states_RF, actions_R=actions_R)
        window, threads = config.window, config.training.num_threads
        return chances(inference, seen, rtg_R, window=window, stride=config.stride, threads=threads)

    found: dict[str, Floats] = {}
    with progress.stage("score the twin", 2, unit="parts") as advance:
        for name, rtg_R in ((TWIN, constant_R), (TOLD, true_R)):
            found[name] = answer(part.states_RF, part.actions_R, rtg_R)[known_R]
            advance(1)
    fitted = _rivals(train, rows, found, seed=seed, progress=progress)
    draws_BM = market_draws(part.segments, seed=seed)
    surprises = {name: surprise(one, rows.actions_R) for name, one in found.items()}
    scores = {name: action_scores(one, rows.actions_R, rows.market_R, draws_BM) for name, one in found.items()}
    differences = {
        name: paired(surprises[own], surprises[name], rows.market_R, draws_BM) for name, own in RIVAL_OF.items()
    }
    with progress.stage("what it hangs on", 1, unit="parts") as advance:
        important = _importance(answer, part, constant_R, true_R, tables, draws_BM, seed)
        lags, attended = attention(
            inference, part, constant_R, window=config.window, threads=config.training.num_threads
        )
        advance(1)
    return Foretelling(
        rows=rows,
        train=train,
        chances=found,
        scores=scores,
        differences=differences,
        ceiling=ceiling(
            TREES, fitted[TREES].crossed_RK, train.actions_R, found[TREES], rows.actions_R, rows.market_R, draws_BM
        ),
        gates=(
            below_trees(differences[TREES], knowing="neither told the return"),
            below_trees(differences[TOLD_TREES], knowing="both told the return"),
            too_good({name: scores[name].log_loss for name in (TWIN, LOGISTIC, TREES)}, scores[PRIOR].log_loss),
        ),
        importance=important,
        attention=lags,
        attended=attended,
        asked_rtg=asked,
        rounds=fitted[TREES].rounds,
        limited=tuple(name for name, one in fitted.items() if one.at_limit),
    )


def action_rows(part: Trajectories) -> ActionRows:
    """The rows of whole markets whose action and return-to-go are known, markets numbered from 0."""
    known_R = _known(part)
    before_R = np.concatenate(([UNKNOWN], part.actions_R[:-1]))
    before_R[part.offsets_S[:-1]] = UNKNOWN
    market_R = np.repeat(np.arange(part.segments), np.diff(part.offsets_S))
    return ActionRows(
        states_RF=part.states_RF[known_R].astype(np.float64),
        before_R=before_R[known_R],
        actions_R=part.actions_R[known_R],
        market_R=market_R[known_R],
        rtg_R=part.rtg_R[known_R].astype(np.float64),
        kinds=len(ACTIONS),
    )


def _rivals(
    train: ActionRows, rows: ActionRows, found: dict[str, Floats], *, seed: int, progress: Progress
) -> Mapping[str, baselines.Fitted]:
    """Add the chances of every rival to `found`; the boosted trees come back whole."""
    fitted = {}
    with progress.stage("fit the rivals", len(RIVAL_OF), unit="models") as advance:
        for name, fit in (
            (PRIOR, baselines.class_prior),
            (REPEAT, baselines.repeat_last),
            (MARKOV, baselines.markov),
            (LOGISTIC, baselines.logistic),
        ):
            found[name] = fit(train, rows)
            advance(1)
        for name, told in ((TREES, False), (TOLD_TREES, True)):
            fitted[name] = baselines.trees(train, rows, seed=seed, with_rtg=told)
            found[name] = fitted[name].judged_NK
            advance(1)
    return fitted


def _importance(
    answer: Answer,
    part: Trajectories,
    constant_R: Floats,
    true_R: Floats,
    tables: TwinTables,
    draws_BM: Floats,
    seed: int,
) -> dict[str, Estimate]:
    names = tables.state.names
    groups = {
        group: [names.index(name) for name in members] for group, members in GROUPS.items() if members[0] in names
    }
    market_R = np.repeat(np.arange(part.segments), np.diff(part.offsets_S))
    # A row without a return-to-go is answered, and not counted.
    actions_R = np.where(_known(part), part.actions_R, UNKNOWN)

    def rise(rtg_R: Floats, groups: Mapping[str, list[int]], which: Sequence[str]) -> dict[str, Estimate]:
        return permutation_importance(
            answer,
            part.states_RF,
            actions_R,
            rtg_R,
            groups=groups,
            which=which,
            market_R=market_R,
            draws_BM=draws_BM,
            seed=seed,
        )

    return {**rise(constant_R, groups, (*groups, PAST_ACTIONS)), **rise(true_R, {}, (RETURN_TO_GO,))}


def _known(part: Trajectories) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray((part.actions_R != UNKNOWN) & np.isfinite(part.rtg_R))
