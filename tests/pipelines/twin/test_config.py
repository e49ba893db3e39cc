"""Settings of the twin: what follows from what, and what does not go together."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from rookery.cli.twin_options import Preset
from rookery.errors import UserError
from rookery.pipelines.twin.config import PRESETS, TwinConfig, demo_config, few_markets


def parse(**values: object) -> TwinConfig:
    return TwinConfig.parse(values, place="twin.yaml")


def test_the_defaults_are_the_specifications():
    config = TwinConfig()
    assert (config.interval_s, config.window, config.network.state_dim) == (900, 128, 17)
    assert (config.architecture.width, config.architecture.layers) == (128, 6)
    assert (config.training.num_epochs, config.training.batch_size) == (50, 32)


def test_the_networks_inputs_follow_the_state():
    assert few_markets().network.state_dim == 20
    assert demo_config().network.state_dim == 17


def test_the_network_has_no_place_that_no_window_reaches():
    assert TwinConfig(window=32).network.context == 32


def test_a_moment_without_a_zone_is_utc():
    moment = datetime(2026, 1, 11, tzinfo=UTC)
    assert parse(validation_from="2026-01-11").validation_from == moment
    assert parse(validation_from="2026-01-11T01:00:00+01:00").validation_from == moment


def test_the_tables_part_holds_what_decides_the_tables():
    config = few_markets(300)
    assert config.tables.model_dump() == {name: getattr(config, name) for name in type(config.tables).model_fields} | {
        "state": config.state.model_dump(),
        "barriers": config.barriers.model_dump(),
    }


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"window": 256}, "window 256 is longer than the network's context 128"),
        ({"stride": 200}, "stride 200 is longer than window 128"),
        ({"interval_s": 0}, "'interval_s'"),
        ({"training": {"schedule": "plateau"}}, "schedule cannot be plateau"),
        ({"validation_from": "soon"}, "'validation_from'"),
        ({"intervals": 60}, "unknown key 'intervals'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, object], what: str):
    with pytest.raises(UserError) as fault:
        parse(**values)
    assert what in fault.value.headline


def test_a_rate_that_follows_validation_is_for_held_out_markets_that_choose():
    assert parse(training={"schedule": "plateau"}, selection_share=0).training.schedule == "plateau"


def test_a_file_is_read_with_its_line(tmp_path: Path):
    (tmp_path / "twin.yaml").write_text("interval_s: 60\nstate: {state: extended}\ntrainin: {num_epochs: 3}\n")
    with pytest.raises(UserError, match=r"twin\.yaml:3: unknown key 'trainin'") as fault:
        TwinConfig.read(tmp_path / "twin.yaml")
    assert fault.value.remedy == "did you mean 'training'?"


def test_few_markets_holds_out_what_it_is_told_and_has_no_date_of_its_own():
    moment = datetime(2026, 1, 11, tzinfo=UTC)
    assert few_markets().validation_from is None
    assert few_markets(validation_from=moment) == few_markets().model_copy(update={"validation_from": moment})
    assert few_markets(300).interval_s == 300


def test_the_command_line_knows_every_preset():
    assert get_args(Preset) == tuple(PRESETS)
    assert PRESETS["few-markets"]() == few_markets()


def test_compile_is_off_unless_a_file_asks_for_it():
    assert not TwinConfig().training.compile
    assert parse(training={"compile": True}).training.compile
