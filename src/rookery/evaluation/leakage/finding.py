"""What one probe found, and the certificate that all of them make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from rookery.evaluation.verdict import Gate

Outcome = Literal["passed", "failed", "possible", "not_tested"]

SCHEMA_VERSION = 1
# What to do about a finding, by probe, in the order in which a certificate lists them.
REMEDIES: Mapping[str, str] = {
    "future perturbation": "Compute the column from its own row and earlier rows alone: no shift(-k), no centred "
    "window, no back-fill, no figure of the whole table, no bar that is not closed yet.",
    "truncation": "Compute the column from its own row and earlier rows alone: the value must not depend on how many "
    "rows follow.",
    "different start": "Bound the memory of the column, or give the same first row in training and in service.",
    "batch against stream": "Let one function compute the column in training and in service.",
    "batch independence": "Put the model into evaluation mode and scale by figures fitted on train, not by the batch.",
    "recomputation": "Make the run again: what it recorded is not what this code makes of its input.",
    "own answer": "Take the row's own action or label out of what is known at that row; use it from the next row on.",
    "shuffled answers": "Take out whatever is made of the answers: even when they are shuffled, the column knows them.",
    "martingale": "Look for a column or a fill that knows the next price: on a fair price there is nothing to know.",
    "window overlap": "Leave out at least one window's length less one between the parts.",
    "label overlap": "Purge samples whose label ends inside another part, or leave out as many rows as labels reach.",
    "time order": "Cut by time, not at random; for cross-validation purge by label intervals and say ordered=False.",
    "duplicates": "Remove repeated rows before the split, or give the columns that identify an event.",
    "provenance": "Fit on training rows only, and store the rows with what was fitted.",
    "target association": "Remove the column, or show that it was known before the target was.",
    "fill price": "Fill a decision at a price that became known strictly later.",
    "one-bar lag": "Look whether the edge is real and short-lived, or rests on a price that is gone by the next bar.",
}
_MARKS: Mapping[Outcome, str] = {
    "passed": "passed",
    "failed": "FAILED",
    "possible": "possible",
    "not_tested": "not tested",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One probe's answer on one subject (features, labels, splits, ...).

    `times` is how often it was tested and `tested` says on what. `columns` are all that failed; `column` and `row` are
    the first of them, rows counted from 0 in the audited table, None where a figure of all rows decides. `possible` is
    what has an innocent explanation too.
    """

    probe: str
    subject: str
    outcome: Outcome
    tested: str
    times: int
    detail: str = ""
    columns: tuple[str, ...] = ()
    column: str | None = None
    row: int | None = None

    def __post_init__(self) -> None:
        if self.probe not in REMEDIES:
            raise ValueError(f"'{self.probe}' is no probe; known: {', '.join(REMEDIES)}")

    @property
    def name(self) -> str:
        """Probe and subject: `future perturbation of features`."""
        return f"{self.probe} of {self.subject}"

    @property
    def remedy(self) -> str:
        """What to do about it; empty when there is nothing to do."""
        return REMEDIES[self.probe] if self.outcome in ("failed", "possible") else ""

    @property
    def place(self) -> str:
        """`column 'ma' at row 812`, as far as it is known."""
        column = "" if self.column is None else f"column '{self.column}'"
        row = "" if self.row is None else f"row {self.row:,}"
        return " at ".join(part for part in (column, row) if part)

    @property
    def account(self) -> str:
        """What was tested, and where and what was found."""
        found = "; ".join(part for part in (self.place, self.detail) if part)
        return f"{self.tested}: {found}" if found else self.tested

    def __str__(self) -> str:
        return f"{_MARKS[self.outcome]:<10}  {self.name:<40}  {self.account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """All findings on one subject, with what they were made of.

    `passed` says that no probe failed. It says nothing about probes that were not tested: these are listed too.
    """

    subject: str
    findings: tuple[Finding, ...]
    rows: int
    seed: int
    code_version: str
    data_fingerprint: str
    stages: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether something was tested and no probe failed."""
        return any(one.outcome == "passed" for one in self.findings) and not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that are leaks."""
        return self._of("failed")

    @property
    def possible(self) -> tuple[Finding, ...]:
        """The findings that a person must look at: they may be leaks or may be genuine."""
        return self._of("possible")

    @property
    def not_tested(self) -> tuple[Finding, ...]:
        """What could not be tested, with the reason."""
        return self._of("not_tested")

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        tested = len(self.findings) - len(self.not_tested)
        rest = f"{len(self.possible)} to look at, {len(self.not_tested)} not tested"
        if self.failed:
            return f"Leaks found: {', '.join(one.name for one in self.failed)} ({tested} probes, {rest})."
        if not self.passed:
            return f"Nothing is certified: no probe passed ({rest})."
        return f"No leak found by {tested} probes ({rest})."

    def gates(self) -> tuple[Gate, ...]:
        """One gate per finding that was tested; red where a probe failed."""
        return tuple(
            Gate(name=one.name, passed=one.outcome != "failed", reason=f"{one.account}.")
            for one in self.findings
            if one.outcome != "not_tested"
        )

    def to_json(self) -> dict[str, Any]:
        """The certificate as JSON values: equal audits give equal values on any clock."""
        return {
            "schema_version": SCHEMA_VERSION,
            "subject": self.subject,
            "passed": self.passed,
            "sentence": self.sentence,
            "rows": self.rows,
            "seed": self.seed,
            "code_version": self.code_version,
            "data_fingerprint": self.data_fingerprint,
            "stages": dict(self.stages),
            "counts": {outcome: len(self._of(outcome)) for outcome in _MARKS},
            "findings": [_finding_json(one) for one in self.findings],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The certificate that `to_json` wrote. Raises ValueError for another schema version."""
        if data.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"certificate has schema version {data.get('schema_version')}, expected {SCHEMA_VERSION}")
        known = [one.name for one in fields(cls) if one.name != "findings"]
        return cls(**{name: data[name] for name in known}, findings=tuple(_finding_of(one) for one in data["findings"]))

    def __str__(self) -> str:
        remedies = [f"  {one.name}: {one.remedy}" for one in self.findings if one.remedy]
        return "\n".join(
            [
                f"leakage certificate: {self.subject}, {self.rows:,} rows, seed {self.seed}",
                *(str(one) for one in self.findings),
                *(["what to do:", *remedies] if remedies else []),
                self.sentence,
            ]
        )

    def _of(self, outcome: Outcome) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.outcome == outcome)


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings by probe in the order of REMEDIES, those of one probe in the order given."""
    order = list(REMEDIES)
    return tuple(sorted(findings, key=lambda one: order.index(one.probe)))


def not_tested(probe: str, subject: str, reason: str) -> Finding:
    """The finding of a probe that could not be made."""
    return Finding(probe=probe, subject=subject, outcome="not_tested", tested=reason, times=0)


def _finding_json(one: Finding) -> dict[str, Any]:
    stated = {field.name: getattr(one, field.name) for field in fields(one)}
    return {**stated, "columns": list(one.columns), "name": one.name, "remedy": one.remedy}


def _finding_of(data: Mapping[str, Any]) -> Finding:
    stated = {field.name: data[field.name] for field in fields(Finding)}
    return Finding(**{**stated, "columns": tuple(data["columns"])})
