"""The steps from a trader's files to a trained twin, each from files to files, as the specification names them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rookery.agents import bundle as bundles
from rookery.errors import UserError
from rookery.evaluation.trials.ledger import ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.files import read_json
from rookery.pipelines.tried import record_fit
from rookery.pipelines.twin import tables
from rookery.pipelines.twin.config import TableConfig, TwinConfig
from rookery.pipelines.twin.history import PROCESSED, TwinHistory
from rookery.pipelines.twin.inference import Device
from rookery.pipelines.twin.origin import HistorySource
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.tables import TwinDescription, TwinTables
from rookery.pipelines.twin.teaching import MODELS, Learnt, chosen_in, learnt_of, teach
from rookery.progress import Progress
from rookery.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedFiles:
    """Where a training left its bundle, and its metrics, logs and checkpoints (`run`)."""

    bundle: Path
    run: Path
    learnt: Learnt


def prepare(source: HistorySource, output_dir: Path, *, config: TableConfig, progress: Progress) -> TwinTables:
    """Read a trader's files and write the processed table, its description and the history into `output_dir`.

    Raises UserError for whatever is wrong with the files, and when there is nothing to train or to judge on.
    """
    history = source.load(progress)
    with progress.stage("data", history.markets.height, "markets") as advance:
        made = tables.build(history, config)
        output_dir.mkdir(parents=True, exist_ok=True)
        history.write(output_dir)
        tables.write(made, output_dir)
        advance(history.markets.height)
    return made


def read_prepared(folder: Path) -> TwinTables:
    """What `prepare` wrote. Raises UserError naming the file that is wrong."""
    return tables.read(folder, TwinHistory.read(folder))


def is_prepared(path: Path) -> bool:
    """Whether a folder holds a processed table."""
    return (path / PROCESSED).is_file()


def prepared_config(folder: Path) -> TableConfig:
    """The settings that a prepared folder was made by."""
    place = folder / tables.DESCRIPTION
    return TwinDescription.parse(read_json(place), place=place).config


def tables_of(
    source: HistorySource,
    config: TwinConfig,
    progress: Progress,
    *,
    bound: Collection[str] = (),
    free: Collection[str] = (),
) -> tuple[TwinTables, TwinConfig]:
    """The tables in a prepared folder, with the settings that they were made by in `config`; or made of raw files.

    A prepared folder is refused where `config` asks for other settings than it was made by, unless these are the
    default and not among the `bound`, or are among the `free`.
    """
    if source.path is None or not is_prepared(source.path):
        return tables.build(source.load(progress), config.tables), config
    if source.underlying is not None:
        raise UserError(
            "is prepared data, whose underlying is the one that it was prepared with",
            place=source.path,
            remedy="leave --underlying out, or prepare the data again with it",
        )
    made, plain = read_prepared(source.path), TableConfig()
    for name in TableConfig.model_fields.keys() - set(free):
        asked, used = getattr(config, name), getattr(made.config, name)
        if asked != used and (name in bound or asked != getattr(plain, name)):
            raise UserError(
                f"was prepared with {name} {used}, not {asked}",
                place=source.path,
                remedy="prepare the data again with it" + ("" if name in bound else ", or leave the setting out"),
            )
    used = {name: getattr(made.config, name) for name in TableConfig.model_fields}
    return made, config.model_copy(update=used)


def train(
    source: HistorySource,
    output_dir: Path,
    *,
    config: TwinConfig,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress,
) -> TrainedFiles:
    """Train on a prepared folder or on raw files and write the bundle `output_dir`; stopped, it goes on where it was.

    Metrics, logs and checkpoints go to `<output_dir>-training` beside it. Raises UserError for damaged data.
    """
    taught, config = tables_of(source, config, progress)
    folder = output_dir.with_name(f"{output_dir.name}-training")
    request = {"pipeline": "twin train", "data": source.name, "source": source.request()}
    with Run(folder, config=config, seed=seed, request=request, progress=progress) as made:
        ledger = ledger_of(made.path)
        pen = Recorder(ledger=ledger, run=made, data=taught.history.fingerprint(), data_name=source.name)
        bundle = teach(made, taught, config, device, pen)
        learnt = learnt_of(load_twin(bundle))
        record_fit(pen, made.path / chosen_in(config), best_epoch=learnt.best_epoch, stopped=learnt.stopped)
        bundles.copy(bundle, output_dir)
        made.finish({"bundle": str(output_dir), "hashes": made.hashes(MODELS)})
    return TrainedFiles(bundle=output_dir, run=folder, learnt=learnt)
