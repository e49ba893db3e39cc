"""What a twin hangs on: what its log loss rises by when a group of inputs is dealt out among rows at random."""

# R rows, F state features, K kinds of action

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rookery.datasets.scaling import Float32
from rookery.evaluation.identifiability.resampling import mean_over_rows
from rookery.evaluation.identifiability.scores import surprise
from rookery.evaluation.report.estimate import Estimate
from rookery.measures import Floats, Ints

# States (R, F), past actions (R,) and returns-to-go (R,) of whole markets to the chances (R, K) of each row's action.
Answer = Callable[[Float32, Ints, Floats], Floats]
PAST_ACTIONS, RETURN_TO_GO = "past actions", "return-to-go"


def permutation_importance(
    answer: Answer,
    states_RF: Float32,
    actions_R: Ints,
    rtg_R: Floats,
    *,
    groups: Mapping[str, Sequence[int]],
    which: Sequence[str],
    market_R: Ints,
    draws_BM: Floats,
    seed: int,
    repeats: int = 3,
) -> dict[str, Estimate]:
    """Rise in log loss (nats a row) for each of `which`: names of `groups` (columns of the states), PAST_ACTIONS and
    RETURN_TO_GO.

    Breiman (2001), with all columns of a group dealt out together, in all rows at once, so that a row's past is as
    torn as its present; mean over `repeats`. Rows whose action is unknown (-1) are answered but not counted. What two
    groups both tell is missed in neither: correlated groups look less important than they are.
    """
    counted_R = np.flatnonzero(actions_R >= 0)
    plain_R = surprise(answer(states_RF, actions_R, rtg_R)[counted_R], actions_R[counted_R])
    rng = np.random.default_rng(seed)
    found: dict[str, Estimate] = {}
    for name in which:
        risen_R = np.zeros(counted_R.size)
        for _ in range(repeats):
            states, actions, rtg = states_RF.copy(), actions_R.copy(), rtg_R.copy()
            dealt_R = rng.permutation(actions_R.size)
            if name == PAST_ACTIONS:
                actions[counted_R] = actions[rng.permutation(counted_R)]
            elif name == RETURN_TO_GO:
                rtg = rtg[dealt_R]
            else:
                columns = list(groups[name])
                states[:, columns] = states[dealt_R][:, columns]
            chances_RK = answer(states, actions, rtg)
            risen_R += surprise(chances_RK[counted_R], actions_R[counted_R]) - plain_R
        found[name] = mean_over_rows(risen_R / repeats, market_R[counted_R], draws_BM)
    return found
