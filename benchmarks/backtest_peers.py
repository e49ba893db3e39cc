"""The peers of bench_backtest.py, each run by its own interpreter: python backtest_peers.py NAME DATA.npz

DATA holds open, high, low, close (floats), side (-1, 0, 1 at each close), fast, slow, size, fee and cash. After `ready`
every line on standard input asks for one run; the answer is one line of JSON, in seconds of processor
time. Written against vectorbt 1.2.0 and
backtesting 0.6.6, whose own calls do all the work.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Data = Mapping[str, Any]


def vectorbt_run(data: Data) -> Callable[[], dict[str, Any]]:
    import pandas as pd
    import vectorbt as vbt

    index = pd.date_range("2020-01-01", periods=len(data["close"]), freq="1min")
    close, opened = pd.Series(data["close"], index), pd.Series(data["open"], index)

    def run() -> dict[str, Any]:
        started = time.process_time()
        fast, slow = vbt.MA.run(close, int(data["fast"])), vbt.MA.run(close, int(data["slow"]))
        above = (fast.ma > slow.ma).shift(1, fill_value=False)
        below = (fast.ma < slow.ma).shift(1, fill_value=False)
        account = vbt.Portfolio.from_signals(
            close,
            entries=above,
            exits=below,
            direction="both",
            size=float(data["size"]),
            price=opened,
            fees=float(data["fee"]),
            init_cash=float(data["cash"]),
            freq="1min",
        )
        records = account.trades.records
        figures = [
            account.total_return(),
            account.annualized_return(),
            account.annualized_volatility(),
            account.sharpe_ratio(),
            account.sortino_ratio(),
            account.max_drawdown(),
            account.calmar_ratio(),
        ]
        measured = time.process_time()
        table = account.trades.records_readable
        return {
            "records_s": measured - started,
            "table_s": time.process_time() - started,
            "trades": [len(records), len(table)],
            "end": float(account.final_value()),
            "sharpe": float(figures[3]),
        }

    return run


def backtesting_run(data: Data) -> Callable[[], dict[str, Any]]:
    import pandas as pd
    from backtesting import Backtest, Strategy

    index = pd.date_range("2020-01-01", periods=len(data["close"]), freq="1min")
    columns = {name.capitalize(): data[name] for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame(columns | {"Volume": np.ones(len(index))}, index)
    size = int(data["size"])

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.side = self.I(lambda: data["side"].astype(float))

        def next(self) -> None:
            change = int(self.side[-1]) * size - self.position.size
            if change > 0:
                self.buy(size=change)
            elif change < 0:
                self.sell(size=-change)

    def run() -> dict[str, Any]:
        started = time.process_time()
        settings = {"cash": float(data["cash"]), "commission": float(data["fee"]), "finalize_trades": False}
        result = Backtest(frame, Cross, **settings).run()
        took = time.process_time() - started
        trades = result["_trades"]
        return {
            "seconds": took,
            "trades": trades[["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "Commission"]].values.tolist(),
            "equity": result["_equity_curve"]["Equity"].tolist(),
        }

    return run


def main() -> None:
    name, path = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    with np.load(path) as stored:
        data = {key: stored[key] for key in stored.files}
    run = {"vectorbt": vectorbt_run, "backtesting": backtesting_run}[name](data)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(run()), flush=True)


if __name__ == "__main__":
    main()
