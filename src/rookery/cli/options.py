"""Options that several commands share, and the reading of their values."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rookery.cli import completion
from rookery.errors import UserError, nearest
from rookery.types import Pair

if TYPE_CHECKING:
    from rookery.pipelines.rook.steps import SwapSource

Protocol = Literal["auto", "v3", "v4"]
Amounts = Literal["auto", "raw", "scaled"]
Sign = Literal["auto", "swapper", "pool"]
Format = Literal["csv", "parquet"]

InputOption = Annotated[
    Path, typer.Option("--input", metavar="FILE", help="Swaps: CSV, JSON or parquet, gz too; any known dialect.")
]
Token0Option = Annotated[
    str, typer.Option("--token0", metavar="NAME:DECIMALS", help="The pool's first token and its decimals.")
]
Token1Option = Annotated[
    str, typer.Option("--token1", metavar="NAME:DECIMALS", help="The pool's second token and its decimals.")
]
QuoteOption = Annotated[str, typer.Option("--quote", metavar="NAME", help="The token that prices are quoted in.")]
ProtocolOption = Annotated[Protocol, typer.Option("--protocol", help="Uniswap version of the file.")]
AmountsOption = Annotated[Amounts, typer.Option("--amounts", help="Whether amounts are whole token units or scaled.")]
SignOption = Annotated[Sign, typer.Option("--sign", help="Whose gain a positive amount is.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse a file with a bad row (the default).")]
QuarantineOption = Annotated[
    Path | None, typer.Option("--quarantine", metavar="FILE", help="Put bad rows into FILE and go on without them.")
]
FeeOption = Annotated[
    float | None, typer.Option("--fee-bps", min=0, max=10_000, help="Pool fee, when the file does not tell it.")
]
CostFeeOption = Annotated[
    float | None,
    typer.Option("--fee-bps", min=0, max=9_999, help="Fee of every trade; by default each swap's own, 5 if unknown."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="Kind of file to write.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same bytes.")]
DeviceOption = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where to train.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, max=1024, help="Processor threads."),
]
ConditionsOption = Annotated[
    Path | None, typer.Option("--conditions", metavar="FILE", help="core_conditions of `rook features`.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings, as YAML or JSON; options go before it.")
]
SeqLenOption = Annotated[
    int | None, typer.Option("--seq-len", min=2, max=1_000, help="Swaps that the LSTM looks back; 30 by default.")
]
EmbargoOption = Annotated[
    int | None, typer.Option("--embargo", min=0, help="Sequences left out between splits; --seq-len less 1 by default.")
]
EpochsOption = Annotated[int | None, typer.Option("--num-epochs", min=1, max=100_000, help="At most so many epochs.")]
BatchOption = Annotated[int | None, typer.Option("--batch-size", min=1, max=1_000_000, help="Windows in a batch.")]
HiddenOption = Annotated[int | None, typer.Option("--hidden-dim", min=1, max=4_096, help="Width of the LSTM.")]
LearningRateOption = Annotated[float | None, typer.Option("--learning-rate", min=0, max=1, help="First step size.")]
ConfidenceOption = Annotated[
    float | None, typer.Option("--confidence-threshold", min=0, help="Trade only when at least so sure.")
]
GasOption = Annotated[float | None, typer.Option("--gas", min=0, help="Gas of one trade, in quote.")]
CapitalOption = Annotated[float | None, typer.Option("--capital", min=0, help="Starting capital, in quote.")]
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Name of a run in ./runs, or its path.", autocompletion=completion.run_names),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress lines.")]


def pair_of(token0: str, token1: str, quote: str) -> Pair:
    """The pool's tokens from `ETH:18`, `USDC:6`, `USDC`. Raises UserError naming the option."""
    name0, decimals0 = _token(token0, "--token0")
    name1, decimals1 = _token(token1, "--token1")
    if name0 == name1:
        raise UserError(f"'{name1}' is also --token0", place="--token1", remedy="name the pool's two tokens")
    if quote not in (name0, name1):
        guess = nearest(quote, (name0, name1))
        remedy = f"did you mean '{guess}'?" if guess else f"use {name0} or {name1}"
        raise UserError(f"'{quote}' is neither '{name0}' nor '{name1}'", place="--quote", remedy=remedy)
    return Pair(token0=name0, decimals0=decimals0, token1=name1, decimals1=decimals1, quote=quote)


def swap_source(
    path: Path,
    tokens: tuple[str, str, str],
    protocol: Protocol,
    amounts: Amounts,
    sign: Sign,
    bad_rows: tuple[bool, Path | None],
    fee_bps: float | None = None,
) -> "SwapSource":
    """How a swap file is to be read. `tokens` is --token0, --token1, --quote; `bad_rows` is --strict, --quarantine.

    Raises UserError naming the option that is wrong.
    """
    pair = pair_of(*tokens)
    strict, quarantine = bad_rows
    if strict and quarantine is not None:
        raise UserError("cannot go together with --quarantine", place="--strict", remedy="give one of the two")
    from rookery.pipelines.rook.steps import SwapSource

    return SwapSource(
        path=path,
        pair=pair,
        version=protocol,
        amounts=amounts,
        sign=sign,
        quarantine=quarantine,
        fee_bps=fee_bps,
    )


def run_folder(path: Path) -> Path:
    """A run directory's path, refused before anything heavy is loaded when it cannot be one."""
    from rookery.run import checked_directory

    return checked_directory(path)


def _token(text: str, option: str) -> tuple[str, int]:
    name, colon, decimals = text.partition(":")
    example = "ETH:18" if option == "--token0" else "USDC:6"
    if not (name.isidentifier() or name.replace(".", "").isalnum()) or not colon or not decimals.isascii():
        raise UserError(f"'{text}' is not NAME:DECIMALS", place=option, remedy=f"write it like {example}")
    if not decimals.isdigit() or int(decimals[:4]) > 36:
        raise UserError(
            f"decimals '{decimals}' are not a whole number from 0 to 36",
            place=option,
            remedy=f"write it like {example}",
        )
    return name, int(decimals)
