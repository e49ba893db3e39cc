"""Lines of learning from metrics."""

import json
from pathlib import Path

from rookery.pipelines.specialists.curves import read_curves


def _metrics(folder: Path, rows: list[dict[str, object]]) -> Path:
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_figures_of_one_phase_stand_together_and_unknown_ones_are_left_out(tmp_path: Path):
    rows = [{"steps": 10.0 * u, "mean_return": float(u) if u % 2 else None, "kl": 0.1} for u in range(1, 13)]
    folders = [(1, name, _metrics(tmp_path / name, rows)) for name in ("forex", "equity")]
    found = read_curves(folders)
    assert [(one.phase, one.learner, one.name) for one in found] == [
        (1, "forex", "return of an episode"),
        (1, "equity", "return of an episode"),
    ]
    assert found[0].steps == (10, 30, 50, 70, 90, 110)


def test_learners_of_one_table_are_told_apart_by_what_stands_before_the_dot(tmp_path: Path):
    rows = [{"steps": float(u), "meta.reward": float(u), "forex.reward": -float(u), "level": "easy"} for u in range(6)]
    found = read_curves([(3, "joint", _metrics(tmp_path / "joint", rows))])
    assert [(one.learner, one.values[-1]) for one in found] == [("meta", 5.0), ("forex", -5.0)]


def test_a_learner_that_learns_now_and_then_has_a_point_for_each_time(tmp_path: Path):
    rows = [
        {"steps": float(u), "meta.entropy": float(u)} | ({"forex.entropy": -float(u)} if u % 5 == 0 else {})
        for u in range(1, 21)
    ]
    del rows[2]["meta.entropy"]
    found = read_curves([(3, "joint", _metrics(tmp_path / "joint", rows))])
    assert {one.learner: one.steps for one in found} == {
        "meta": (1, 2, *range(4, 21)),
        "forex": (5, 10, 15, 20),
    }


def test_long_metrics_are_thinned_and_keep_their_last_row(tmp_path: Path):
    rows = [{"steps": float(u), "entropy": float(u)} for u in range(1_001)]
    (only,) = read_curves([(1, "forex", _metrics(tmp_path / "forex", rows))])
    assert len(only.steps) <= 200
    assert only.steps[-1] == 1_000


def test_long_metrics_are_thinned_for_each_learner_by_itself(tmp_path: Path):
    rows = [
        {"steps": float(u), "meta.entropy": float(u)} | ({"forex.entropy": -float(u)} if u % 5 == 0 else {})
        for u in range(1, 1_002)
    ]
    found = {one.learner: one.steps for one in read_curves([(3, "joint", _metrics(tmp_path / "joint", rows))])}
    assert found["forex"] == tuple(range(5, 1_001, 5))
    assert len(found["meta"]) == 167
    assert found["meta"][-2:] == (995, 1_001)


def test_a_stage_without_metrics_has_no_lines(tmp_path: Path):
    assert read_curves([(1, "forex", tmp_path)]) == ()
