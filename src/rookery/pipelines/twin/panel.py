"""What a judged twin has to show for itself, put in the places where a reader looks for it."""

from dataclasses import dataclass

from rookery.evaluation.identifiability.edge import edge_sentence
from rookery.evaluation.identifiability.gates import beats, no_worse
from rookery.evaluation.identifiability.outcome_trips import MATERIAL, OutcomeTrips
from rookery.evaluation.identifiability.resampling import mean_over_markets
from rookery.evaluation.identifiability.scores import by_action, confusion, reliability_bins
from rookery.evaluation.identifiability.trader import AFTER_S, TraderDescription
from rookery.evaluation.report.estimate import Estimate, Figure, Named, Style
from rookery.evaluation.report.imitation import AskedLevel, Foreteller, Rule, TwinPanel
from rookery.evaluation.report.learned import Mix
from rookery.evaluation.report.leaving import Leaving
from rookery.evaluation.report.wording import number
from rookery.labels.trader import ACTIONS
from rookery.measures import Floats, Ints
from rookery.pipelines.twin.acting import Asked
from rookery.pipelines.twin.foretelling import (
    LOGISTIC,
    MARKOV,
    PRIOR,
    REPEAT,
    TOLD,
    TOLD_TREES,
    TREES,
    TWIN,
    Foretelling,
)
from rookery.pipelines.twin.judging import Judged
from rookery.pipelines.twin.judging_fills import Foretold

UNIT = "USDC"
_KNOWS = {
    TWIN: "all bars so far; asked for the training median",
    PRIOR: "nothing",
    REPEAT: "the last action",
    MARKOV: "the last action",
    LOGISTIC: "this bar, the last action",
    TREES: "this bar, the last action",
    TOLD: "all bars so far, and the true return-to-go: the future",
    TOLD_TREES: "this bar, the last action, and the true return-to-go: the future",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The parts of a panel on what was earned, and on who the trader is, as TwinPanel names them."""

    levels: tuple[AskedLevel, ...]
    levels_note: str
    unit: str
    replay: tuple[Figure, ...]
    replay_note: str
    edge: str
    trader: tuple[Figure, ...]
    trader_note: str


def worth_of(judged: Judged, *, seed: int) -> Worth:
    """These parts in markets that pay out; `seed` draws the intervals."""
    return Worth(
        levels=tuple(_level(one, seed) for one in judged.asked),
        levels_note=(
            "The levels are quantiles (5, 25, 50, 75, 95 %) of what training markets brought. The twin draws its "
            "actions by their chances, the same numbers at every level. What training markets brought, and what comes "
            "off what it is asked for as it earns it, is marked: holdings at the last price. The profit shown is "
            "settled: holdings at what the market paid out. Fees are taken off the twin's, marked and settled."
        ),
        unit=UNIT,
        replay=_replay(judged, seed),
        replay_note=_replay_note(judged),
        edge=edge_sentence(judged.trader),
        trader=_trader(judged.trader),
        trader_note=_trader_note(judged.trader),
    )


def twin_panel(judged: Judged | Foretold, worth: Worth, leaving: Leaving | None = None) -> TwinPanel:
    """The panel over the held-out markets."""
    told = judged.foretelling
    actions_R, own_RK = told.rows.actions_R, told.chances[TWIN]
    least, most = judged.target_range
    return TwinPanel(
        classes=ACTIONS,
        markets=len(judged.markets),
        rows=int(actions_R.size),
        asked=(
            f"The twin is asked for a return-to-go of {number(told.asked_rtg / 100, 'percent', 2)} of capital at every "
            "bar, the median of training: the true one is known only afterwards. Twins and trees that are told it are "
            "compared with one another alone."
        ),
        models=_models(told),
        rules=_rules(judged),
        confusion=confusion(own_RK, actions_R),
        per_class=by_action(own_RK, actions_R, ACTIONS),
        reliability=reliability_bins(own_RK, actions_R),
        label_mix=(_mix("train", told.train.actions_R), _mix("held out", actions_R)),
        ceiling=_ceiling(told),
        ceiling_note=_ceiling_note(told),
        importance=tuple(Named(name=name, estimate=one) for name, one in told.importance.items()),
        importance_note=(
            "Each group is dealt out among all rows, past ones too. Groups that say the same hide one another; the "
            "return-to-go is that of the twin that is told the true one."
        ),
        attention=tuple(float(one) for one in told.attention),
        attended=told.attended,
        levels=worth.levels,
        levels_note=worth.levels_note,
        least=least,
        most=most,
        unit=worth.unit,
        replay=worth.replay,
        replay_note=worth.replay_note,
        edge=worth.edge,
        trader=worth.trader,
        trader_note=worth.trader_note,
        leaving=leaving,
    )


def _models(told: Foretelling) -> tuple[Foreteller, ...]:
    return tuple(
        Foreteller(
            name=name,
            knows=knows,
            log_loss=told.scores[name].log_loss,
            accuracy=told.scores[name].accuracy,
            macro_f1=told.scores[name].macro_f1,
            calibration_error=told.scores[name].calibration_error,
            difference=told.differences.get(name),
        )
        for name, knows in _KNOWS.items()
    )


def _rules(judged: Judged | Foretold) -> tuple[Rule, ...]:
    apart = judged.foretelling.differences
    simple = [
        Rule(name=f"beats {name}", passed=beats(apart[name]), text="The whole interval of the difference is below 0.")
        for name in (PRIOR, REPEAT, MARKOV)
    ]
    trees = Rule(
        name=f"no worse than {TREES}",
        passed=no_worse(apart[TREES]),
        text="The upper end of the interval of the difference is below 0.02 nats.",
    )
    own = {gate.name: f"no {gate.name}" for gate in judged.foretelling.gates}
    gates = [Rule(name=own.get(gate.name, gate.name), passed=gate.passed, text=gate.reason) for gate in judged.gates]
    return (*simple, trees, *gates)


def _mix(name: str, actions_R: Ints) -> Mix:
    return Mix(name=name, counts=tuple(int((actions_R == kind).sum()) for kind in range(len(ACTIONS))))


def _level(one: Asked, seed: int) -> AskedLevel:
    return AskedLevel(
        target=one.target,
        mix=tuple(float(share) for share in one.mix_K),
        earned=mean_over_markets(one.played.profit_S, seed=seed),
        orders=one.played.orders,
        lapsed=one.played.lapsed,
    )


def _figure(name: str, style: Style, digits: int, estimate: Estimate, text: str, unit: str = "") -> Figure:
    return Figure(name=name, style=style, digits=digits, unit=unit, estimate=estimate, text=text)


def _ceiling(told: Foretelling) -> tuple[Figure, ...]:
    found = told.ceiling
    return (
        _figure(
            "log loss reached", "number", 3, found.log_loss, f"By {found.model}: the entropy is no higher. A bound."
        ),
        _figure(
            "accuracy reached", "percent", 1, found.accuracy, "By the same: the best accuracy is no lower. A bound."
        ),
        _figure(
            "error of the nearest neighbour", "percent", 1, found.neighbour_error, "Among the chances of that model."
        ),
        _figure("ceiling of the accuracy", "percent", 1, found.best_accuracy, "By that error. An estimate."),
        _figure("floor of the log loss", "number", 3, found.least_log_loss, "By the same, and not tight. An estimate."),
    )


def _ceiling_note(told: Foretelling) -> str:
    note = (
        "The estimate bounds the least error by that of the nearest neighbour (Cover and Hart 1967), and the entropy "
        "by the least error (Feder and Merhav 1994), for whoever sees no more in the state than boosted trees do. Past "
        "bars, other people's orders and what was never recorded may tell more."
    )
    return note if told.ceiling.holds else f"{note} Here a model is above the ceiling: too few rows for neighbours."


def _replay(judged: Judged, seed: int) -> tuple[Figure, ...]:
    def money(name: str, profit_S: Floats, text: str) -> Figure:
        return _figure(name, "money", 2, mean_over_markets(profit_S, seed=seed), text, UNIT)

    twin_S, trader_S = judged.twin.profit_S, judged.trader_S
    return (
        money(
            "the twin, a market",
            twin_S,
            "Its own actions, on its own position, after a taker's fee.",
        ),
        money(
            "a perfect copy, a market", judged.copy.profit_S, "The trader's true actions, carried out as the twin's."
        ),
        money(
            "the trader, a market",
            trader_S,
            "His own fills. His rows hold no fee; a maker pays none.",
        ),
        money("the twin minus the trader", twin_S - trader_S, "Paired by market."),
        money("the twin minus staying out", twin_S, "Staying out earns 0."),
    )


def _replay_note(judged: Judged) -> str:
    strong_buy, buy, _, sell, strong_sell = (number(one, digits=1) for one in judged.sizes.shares_K)
    fee = judged.fee
    charged = "no fee" if fee.rate == 0 else f"a taker's fee of shares x {fee.rate:g} x (p (1 - p)) ^ {fee.exponent:g}"
    unsettled = len(judged.markets) - judged.settled
    unknown = f" In {unsettled} markets the outcome is unknown, and the last price stands for it." if unsettled else ""
    return (
        f"An action is filled at the first price of the next bar, or lapses where that bar has none; {charged}. Sizes "
        f"are the trader's median of each action in training, in shares of Up: {strong_buy}, {buy}, "
        f"{sell} and {strong_sell}, and no more than {judged.sizes.most:,.0f} are held. Prices are those of "
        "the trader's own fills: whoever has to pay the spread earns less. What is held at the close is worth what the "
        f"market paid out.{unknown} {judged.twin.orders:,} orders, {judged.twin.lapsed:,} of them lapsed."
    )


def _trader(one: TraderDescription) -> tuple[Figure, ...]:
    shown: tuple[tuple[str, Style, int, Estimate, str], ...] = (
        ("profit a market", "money", 2, one.profit, "All his fills, merges and redemptions, before fees."),
        ("markets with a profit", "percent", 1, one.profitable, "Share of markets."),
        ("earned by matched pairs", "money", 2, one.pairs, "A market. A pair of Up and Down is worth 1 in the end."),
        ("earned by leftovers", "money", 2, one.leftovers, "A market. What was not matched is worth 1 or 0."),
        ("cost of a pair", "number", 4, one.pair_cost, "Mean price of Up and Down that he bought, mean over markets."),
        ("markets with pairs below 1", "percent", 1, one.below_one, "Share of markets."),
        ("bought in pairs", "percent", 1, one.matched, "Share of his shares."),
        ("gained at the fill", "money", 4, one.spread, "A share, on the middle at that moment: the spread."),
        (
            f"move in {AFTER_S} s after",
            "money",
            4,
            one.moved,
            "A share, of the middle; below 0 it turns against him (adverse selection).",
        ),
        ("from fill to payoff", "money", 4, one.to_end, "A share, his whole profit."),
        ("copying his sign", "money", 3, one.copied, "A market, one share by the sign of his exposure, filled later."),
        *(_trips(one.trips) if one.trips else ()),
    )
    return tuple(
        _figure(name, style, digits, estimate, text, UNIT if style == "money" else "")
        for name, style, digits, estimate, text in shown
    )


def _trips(one: OutcomeTrips) -> tuple[tuple[str, Style, int, Estimate, str], ...]:
    return (
        ("earned by round trips", "money", 2, one.by_trips, "A market. From flat to flat, or to the other side."),
        ("earned by the rest", "money", 2, one.by_rest, "A market. What was not flat again when it was settled."),
        ("profit a round trip", "money", 2, one.profit, f"Mean of {one.trips:,}, by average cost, before fees."),
        ("round trips with a profit", "percent", 1, one.profitable, "Share of them."),
        ("round trips in Up", "percent", 1, one.longs, "Share of them; the others were in Down."),
        ("minutes held", "number", 1, one.minutes, "Median, from the first fill of a trip to its last."),
    )


def _sales(one: TraderDescription) -> str:
    if not one.sales:
        return "none is a sale, so he makes no round trips but pairs"
    if one.trips is None:
        return f"{one.sales:,} are sales, under {MATERIAL:.0%} of his shares, so no round trips are told apart"
    return f"{one.sales:,} are sales, {one.trips.sold:.1%} of his shares, so his round trips are told as well"


def _trader_note(one: TraderDescription) -> str:
    unknown = f" {one.unsettled} have no outcome and are settled at the last price." if one.unsettled else ""
    return (
        f"All {one.markets:,} complete markets, training ones too; {one.fills:,} fills, {_sales(one)}. A sale of one "
        f"token is counted as a purchase of the other.{unknown} The middle is between his own last fills on both "
        "sides: his history has no book of orders."
    )
