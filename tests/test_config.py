"""Settings files: read exactly, refused with file, line, nearest name and cure."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rookery.config import LARGEST_FILE, Config, parse_mapping, read_text
from rookery.errors import UserError


class Costs(Config):
    fee_bps: float | None = None
    gas: float = 0.5


class Training(Config):
    num_epochs: int = 10
    learning_rate: float = 5e-4
    seq_len: int = 30
    seq: int = 1
    pair: str = "ETH/USDC"
    shuffle: bool = False
    widths: tuple[int, ...] = (64, 32)
    costs: Costs = Costs()


class Named(Config):
    name: str


def refusal(folder: Path, name: str, content: str | bytes, model: type[Config] = Training) -> UserError:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        model.read(file)
    assert caught.value.place == str(file)
    assert "Traceback" not in str(caught.value)
    assert "http" not in str(caught.value)
    assert "\n" not in caught.value.headline
    return caught.value


def test_yaml_and_json_of_the_same_settings_have_the_same_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("learning_rate: 1e-3\ncosts:\n  gas: 1\n")
    (tmp_path / "a.json").write_text('{"costs": {"gas": 1.0}, "learning_rate": 0.001}')
    from_yaml, from_json = Training.read(tmp_path / "a.yaml"), Training.read(tmp_path / "a.json")
    assert from_yaml == from_json
    assert from_yaml.fingerprint() == from_json.fingerprint()
    assert from_yaml.fingerprint() != Training().fingerprint()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("1", 1),
        ("010", 10),
        ("1:30", "1:30"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("2025-01-23", "2025-01-23"),
        ("-.5", -0.5),
        ("1_000", "1_000"),
        ("'10'", "10"),
    ],
)
def test_yaml_is_read_by_the_rules_of_version_1_2(text: str, value: object) -> None:
    assert parse_mapping(f"key: {text}", place="a.yaml") == {"key": value}


def test_unknown_key_names_line_and_nearest(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "config.yaml", "# training\nseq_len: 30\n\nnum_epoch: 5\n")
    assert fault.headline.endswith("config.yaml:4: unknown key 'num_epoch'")
    assert fault.remedy == "did you mean 'num_epochs'?"


def test_unknown_key_far_from_all_lists_the_known_ones(tmp_path: Path) -> None:
    assert "num_epochs" in (refusal(tmp_path, "c.yaml", "zzz: 5\n").remedy or "")


def test_unknown_inner_key_is_compared_with_the_inner_names(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "c.yaml", "num_epochs: 1\ncosts:\n  gass: 2\n")
    assert (fault.row, fault.what, fault.remedy) == (3, "unknown key 'costs.gass'", "did you mean 'gas'?")


def test_a_key_written_above_its_section_is_led_to_it(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "c.yaml", "num_epochs: 1\ngass: 2\n")
    assert (fault.row, fault.remedy) == (2, "did you mean 'costs.gas'?")


def test_a_key_that_begins_like_another_is_found_on_its_own_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "c.yaml", "seq_len: 30\nseq: many\n").row == 2


@pytest.mark.parametrize(
    ("line", "what", "cure"),
    [
        ("num_epochs: ten", "got 'ten'", "the default is 10"),
        ("num_epochs: 1.5", "got 1.5", "the default is 10"),
        ("num_epochs: true", "should be a number, got true", "the default is 10"),
        ("num_epochs:", "got null", "the default is 10"),
        ("learning_rate: .nan", "finite", "the default is 0.0005"),
        ("learning_rate: .inf", "finite", "the default is 0.0005"),
        ("learning_rate: false", "should be a number, got false", "the default is 0.0005"),
        ("costs: 3", "mapping", "under it"),
        ("widths: [1, two]", "got 'two'", ""),
        ("pair: [1]", "string", "the default is 'ETH/USDC'"),
    ],
)
def test_wrong_type_names_line_value_and_default(tmp_path: Path, line: str, what: str, cure: str) -> None:
    fault = refusal(tmp_path, "c.yaml", f"seq_len: 30\n{line}\n")
    assert fault.row == 2
    assert what in fault.what
    assert cure in (fault.remedy or "")


def test_wrong_type_in_json_names_its_line_even_when_indented_with_tabs(tmp_path: Path) -> None:
    assert refusal(tmp_path, "c.json", '{\n\t"seq_len": 30,\n\t"num_epochs": "ten"\n}').row == 3


def test_missing_key_is_named(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "c.yaml", "{}", Named)
    assert "'name'" in fault.what
    assert fault.remedy == "give 'name' a value"


@pytest.mark.parametrize("name", ["c.yaml", "c.json"])
def test_key_given_twice_is_refused_at_its_second_line(tmp_path: Path, name: str) -> None:
    fault = refusal(tmp_path, name, '{"seq_len": 30,\n\t"pair": "a",\n\t"seq_len": 31}'.replace("\t", " "))
    assert (fault.row, fault.what) == (3, "key 'seq_len' is given twice")


def test_trailing_comma_in_json_is_named(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "c.json", '{\n"seq_len": 30,\n}')
    assert (fault.row, fault.what) == (3, "a comma stands before the closing bracket")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_constants_that_are_not_json_are_refused(tmp_path: Path, constant: str) -> None:
    assert constant in refusal(tmp_path, "c.json", f'{{"learning_rate": {constant}}}').what


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("- 1\n- 2\n", "is not a mapping"),
        ("just words", "is not a mapping"),
        ("a: [1, 2\n", "expected"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("a: 1\n b: 2\n", "mapping values are not allowed"),
        ("\tseq_len: 3\n", "cannot start any token"),
        ("? [a, b]\n: 1\n", "a key is not a plain word"),
        ("x: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("seq_len: 1\x00\n", "cannot be read"),
        ("[" * 50_000, "nested too deeply"),
        ("{a: " * 20_000, "nested too deeply"),
    ],
)
def test_what_is_no_mapping_of_settings_is_refused(tmp_path: Path, content: str, what: str) -> None:
    fault = refusal(tmp_path, "c.yaml", content)
    assert what in fault.what
    assert fault.remedy


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 50_000])
def test_deep_json_is_refused_at_once(tmp_path: Path, content: str) -> None:
    assert "nested too deeply" in refusal(tmp_path, "c.json", content).what


def test_a_number_of_a_hundred_thousand_digits_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "c.json", f'{{"seq_len": {"9" * 100_000}}}').what.startswith("cannot be read")
    assert refusal(tmp_path, "c.yaml", f"seq_len: {'9' * 100_000}\n").what.startswith("cannot be read")


def test_billion_laughs_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    lines = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [
        f"{now}: &{now} [{', '.join([f'*{before}'] * 9)}]" for before, now in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    started = time.perf_counter()
    fault = refusal(tmp_path, "c.yaml", "\n".join(lines))
    assert (fault.row, fault.what) == (2, "aliases (*name) are not read")
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_told_from_utf_8(tmp_path: Path, codec: str) -> None:
    fault = refusal(tmp_path, "c.yaml", "seq_len: 30\npair: größe\n".encode(codec))
    assert fault.remedy


def test_the_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    fault = refusal(tmp_path, "c.yaml", b"seq_len: 30\npair: gr\xf6\xdfe\n")
    assert (fault.row, fault.what) == (2, "holds bytes that are not UTF-8")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfseq_len: 7\r\npair: x\r\n")
    assert Training.read(tmp_path / "c.yaml").seq_len == 7


def test_a_data_file_given_as_settings_is_refused_unread(tmp_path: Path) -> None:
    assert "settings are at most" in refusal(tmp_path, "c.yaml", "x" * (LARGEST_FILE + 1)).what


def test_missing_file_names_its_nearest_sibling(tmp_path: Path) -> None:
    (tmp_path / "relaxed_heuristics.json").write_text("{}")
    with pytest.raises(UserError) as caught:
        read_text(tmp_path / "relaxed_heuristic.json")
    assert caught.value.what == "no such file"
    assert caught.value.remedy == "did you mean 'relaxed_heuristics.json'?"


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a file"):
        read_text(tmp_path)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Training().num_epochs = 3  # type: ignore[misc]


def test_a_long_value_is_not_repeated_in_full(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, "c.json", json.dumps({"num_epochs": "x" * 10_000})).headline) < 300


def verdict_on(read: Callable[[], object]) -> UserError | None:
    try:
        read()
    except UserError as fault:
        return fault
    return None


# Hypothesis measures the machine, which other tests are using too.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.text(max_size=300), st.sampled_from(["fuzz.yaml", "fuzz.json"]))
def test_any_text_is_a_mapping_or_one_line_of_refusal(text: str, place: str) -> None:
    fault = verdict_on(lambda: parse_mapping(text, place=place))
    assert fault is None or ("\n" not in fault.headline and fault.remedy)


@unhurried
@given(
    st.sampled_from(sorted(Training.model_fields)),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=6),
)
def test_any_value_under_a_known_key_is_taken_or_refused_by_name(key: str, value: object) -> None:
    fault = verdict_on(lambda: Training.parse({key: value}, place="c.yaml"))
    assert fault is None or f"'{key}" in fault.headline
