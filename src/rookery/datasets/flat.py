"""A data set as the files that the ROOK specification names: one flat row per window, values unscaled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from rookery.config import Config
from rookery.datasets.normalization import Normalization
from rookery.datasets.scaling import Scalers
from rookery.datasets.sequences import Float64, Sequences, matrix, side_numbers
from rookery.datasets.splits import Split
from rookery.errors import UserError
from rookery.files import write_json
from rookery.schema import TIME
from rookery.tables import numbers, read_table, require, write_table

# N sequences, L length of a sequence, F core features

PARTS = ("train", "val", "test")
_TARGETS = ("size", "slippage_bps", "deadline_s")


class Metadata(Config):
    """metadata.json: the published keys, then how the windows were cut and what they were cut from.

    `first_rows` is, per part, the table row on which its first window ends.
    """

    seq_len: int = Field(ge=1, le=10_000)
    n_core_features: int
    n_condition_features: int
    core_feature_names: tuple[str, ...]
    condition_feature_names: tuple[str, ...]
    side_classes: tuple[str, ...]
    splits: dict[str, int]
    embargo: int = Field(ge=0)
    price_unit: str
    first_rows: dict[str, int]
    data_fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatDataset:
    """The three parts of a data set with the scalers of its training rows."""

    train: Sequences
    validation: Sequences
    test: Sequences
    scalers: Scalers
    metadata: Metadata


def write_dataset(
    folder: Path,
    sequences: Sequences,
    split: Split,
    scalers: Scalers,
    *,
    file_format: Literal["csv", "parquet"],
    price_unit: str,
    data_fingerprint: str,
) -> None:
    """Write train, val and test (.csv or .parquet), metadata.json and normalization.json into `folder`."""
    for name, part in _parts(split).items():
        write_table(flat_table(sequences.part(part)), folder / f"{name}.{file_format}")
    write_description(folder, sequences, split, scalers, price_unit=price_unit, data_fingerprint=data_fingerprint)


def write_description(
    folder: Path, sequences: Sequences, split: Split, scalers: Scalers, *, price_unit: str, data_fingerprint: str
) -> None:
    """Write metadata.json and normalization.json alone: all of a data set but its windows laid out flat."""
    parts = _parts(split)
    metadata = Metadata(
        seq_len=sequences.seq_len,
        n_core_features=len(sequences.core_names),
        n_condition_features=len(sequences.condition_names),
        core_feature_names=sequences.core_names,
        condition_feature_names=sequences.condition_names,
        side_classes=sequences.classes,
        splits={f"{name}_size": len(part) for name, part in parts.items()},
        embargo=split.embargo,
        price_unit=price_unit,
        first_rows={name: int(sequences.row_N[part.start]) for name, part in parts.items()},
        data_fingerprint=data_fingerprint,
    )
    write_json(folder / "metadata.json", metadata.model_dump(mode="json"))
    write_json(folder / "normalization.json", Normalization.of(scalers).model_dump(mode="json"))


def read_dataset(folder: Path) -> FlatDataset:
    """Read what `write_dataset` wrote. Raises UserError naming file, and row and column where there is one."""
    metadata = Metadata.read(folder / "metadata.json")
    norm = folder / "normalization.json"
    scalers = Normalization.read(norm).scalers(
        metadata.core_feature_names, metadata.condition_feature_names, place=norm
    )
    train, validation, test = (_read_part(folder, name, metadata) for name in PARTS)
    return FlatDataset(train=train, validation=validation, test=test, scalers=scalers, metadata=metadata)


def flat_table(sequences: Sequences) -> pl.DataFrame:
    """One row per window: `{feature}_{step}` feature by feature, conditions, side, side_raw, targets, timestamp."""
    columns = [pl.Series(sequences.core_RF[:, f]) for f in range(len(sequences.core_names))]
    steps = range(sequences.seq_len)
    flat = {
        f"{name}_{step}": column.gather(sequences.start_N + step)
        for name, column in zip(sequences.core_names, columns, strict=True)
        for step in steps
    }
    conditions = {
        name: np.ascontiguousarray(sequences.conditions_NC[:, c]) for c, name in enumerate(sequences.condition_names)
    }
    side = pl.Series(sequences.side_N)
    return pl.DataFrame(
        {
            **flat,
            **conditions,
            "side": side,
            "side_raw": side.replace_strict(dict(enumerate(sequences.classes)), return_dtype=pl.String),
            "size": np.ascontiguousarray(sequences.size_N),
            "slippage_bps": np.ascontiguousarray(sequences.slippage_bps_N),
            "deadline_s": np.ascontiguousarray(sequences.deadline_s_N),
            "timestamp": pl.Series(np.ascontiguousarray(sequences.time_ns_N)).cast(TIME),
        }
    )


def _parts(split: Split) -> dict[str, range]:
    return dict(zip(PARTS, (split.train, split.validation, split.test), strict=True))


def _read_part(folder: Path, name: str, metadata: Metadata) -> Sequences:
    path = folder / f"{name}.csv"
    if not path.exists():
        path = folder / f"{name}.parquet"
    table = read_table(path, remedy="make the data set with `rookery rook dataset`")
    steps = range(metadata.seq_len)
    flat_names = [f"{feature}_{step}" for feature in metadata.core_feature_names for step in steps]
    columns = [*flat_names, *metadata.condition_feature_names, "side", *_TARGETS]
    require(table, [*columns, "side_raw", "timestamp"], path)
    table = numbers(table, columns, path)
    if table.height != metadata.splits.get(f"{name}_size"):
        raise UserError(
            f"has {table.height} rows, metadata.json says {metadata.splits.get(f'{name}_size')}",
            place=path,
            remedy="make the data set again with `rookery rook dataset`",
        )
    try:
        flat_NX = matrix(table, flat_names)
        conditions_NC = matrix(table, metadata.condition_feature_names)
        targets_NT = matrix(table, _TARGETS)
        side_N = side_numbers(table["side_raw"].cast(pl.String))
    except UserError as failure:
        raise UserError(failure.what, place=path, row=failure.row, remedy=failure.remedy) from None
    differing = (table["side"].cast(pl.Int64, strict=False) != pl.Series(side_N)).fill_null(True).arg_true()
    if len(differing):
        raise UserError(
            f"side {table['side'][differing[0]]:g} is not '{table['side_raw'][differing[0]]}'",
            place=path,
            row=differing[0] + 2,
            remedy=f"the order of the classes is {', '.join(metadata.side_classes)}, from 0",
        )
    return Sequences(
        core_RF=_rows_of(flat_NX, metadata),
        start_N=np.arange(table.height) * metadata.seq_len,
        seq_len=metadata.seq_len,
        conditions_NC=conditions_NC,
        side_N=side_N,
        size_N=targets_NT[:, 0],
        slippage_bps_N=targets_NT[:, 1],
        deadline_s_N=targets_NT[:, 2],
        row_N=np.arange(table.height) + metadata.first_rows.get(name, 0),
        time_ns_N=table["timestamp"].to_physical().to_numpy(),
        classes=metadata.side_classes,
        core_names=metadata.core_feature_names,
        condition_names=metadata.condition_feature_names,
    )


def _rows_of(flat_NX: Float64, metadata: Metadata) -> Float64:
    windows_NFL = flat_NX.reshape(-1, metadata.n_core_features, metadata.seq_len)
    return np.ascontiguousarray(windows_NFL.transpose(0, 2, 1)).reshape(-1, metadata.n_core_features)
