"""The Markdown says what the record says."""

from dataclasses import replace
from pathlib import Path

from rookery.evaluation.report import markdown
from rookery.evaluation.report.markdown_table import table
from rookery.evaluation.report.record import Report
from rookery.evaluation.report.wording import interval, moment, number


def cells(text: str) -> set[str]:
    return {one.strip() for line in text.splitlines() if line.startswith("|") for one in line.split("|")}


def test_every_headline_figure_stands_in_it_with_its_interval(report: Report, folder: Path):
    found = cells((folder / "report.md").read_text())
    for measure in report.headline:
        everyone = [(measure.agent, False), *((one.estimate, False) for one in measure.baselines)]
        for estimate, signed in [*everyone, *((one.estimate, True) for one in measure.differences)]:
            assert number(estimate.value, measure.style, measure.digits, signed=signed) in found
            assert interval(estimate, measure.style, measure.digits, signed=signed) in found


def test_costs_training_panel_and_data_are_the_records(report: Report, folder: Path):
    text = (folder / "report.md").read_text()
    found = cells(text)
    assert report.costs is not None
    assert report.panel is not None
    assert report.training is not None
    assert report.data is not None
    for part in report.costs.parts:
        assert number(part.amount) in found
    for row in report.panel.confusion:
        assert {f"{count:,}" for count in row} <= found
    for term in report.training.terms:
        assert number(term.validation[report.training.best_epoch - 1], digits=4) in found
    for split in report.data.splits:
        assert {split.name, f"{split.rows:,}", moment(split.start_ms)} <= found
    for fact in report.data.fingerprints:
        assert fact.value in text


def test_generated_data_is_named_where_the_data_is_named(report: Report):
    assert markdown.text(report).count("(generated data)") == 2
    assert "generated data" not in markdown.text(replace(report, generated=False))


def test_a_section_without_figures_is_left_out(report: Report):
    text = markdown.text(replace(report, costs=None, panel=None, training=None, machine=None))
    assert "## Equity and drawdown" in text
    for heading in ("## Costs", "## Training", "## What the model learned", "## This machine"):
        assert heading not in text


def test_a_leak_is_shouted(report: Report):
    assert report.data is not None
    leaky = replace(report.data, fits=(replace(report.data.fits[0], inside_train=False),))
    assert "NO: this is a leak" in markdown.text(replace(report, data=leaky))


def test_a_table_lines_up_and_a_bar_in_a_cell_does_not_split_it():
    lines = table(["name", "x"], [["a|b", "1"], ["long name", "1,000"]]).splitlines()
    assert lines[0] == "| name      |     x |"
    assert lines[1] == "| --------- | ----: |"
    assert lines[2] == "| a\\|b      |     1 |"
    assert len({len(line) for line in lines}) == 1


def test_a_command_with_a_settings_file_says_where_both_belong(report: Report):
    assert report.repeat is not None
    alone = markdown.text(report)
    assert "with the settings below there" not in alone
    command = "rookery rook run --input data/swaps.csv --config config.yaml --seed 7"
    told = markdown.text(replace(report, repeat=replace(report.repeat, command=command)))
    assert f"```\n{command}\n```" in told
    assert "Give it in the folder that the run was started in, with the settings below there as config.yaml." in told
