"""What a workspace adds to a result: leakage certificate and number of trials, and what they do to its verdict."""

from collections.abc import Sequence
from dataclasses import replace

from rookery.evaluation.leakage import Certificate
from rookery.evaluation.report import belief as records
from rookery.evaluation.report.belief import Belief, Probe, Tally, Trials, Validation, Verdict
from rookery.evaluation.report.record import Report, TwinPanel

# The confidence that a Sharpe ratio must keep after all trials are counted.
LEAST_DEFLATED = 0.95
_EVIDENCE = "belief"


def believed(
    report: Report,
    *,
    trials: Trials | Tally | None,
    certificate: Certificate | None,
    validations: Sequence[Validation] = (),
) -> Report:
    """The report with its surroundings. Called again, it starts from the verdict of the figures alone."""
    before = report.verdict if report.belief is None else report.belief.before
    # A twin claims to foretell, not to earn: a Sharpe ratio says nothing of it.
    deflating = trials if isinstance(trials, Trials) else None
    counted = before if isinstance(report.panel, TwinPanel) else _deflated(before, deflating)
    verdict = _certified(counted, certificate)
    shown = None if certificate is None else _shown(certificate)
    belief = Belief(
        before=before,
        trials=deflating,
        tally=trials if isinstance(trials, Tally) else None,
        certificate=shown,
        validations=tuple(validations),
    )
    return replace(report, verdict=verdict, belief=belief)


def _deflated(verdict: Verdict, trials: Trials | None) -> Verdict:
    """A claim falls that so many trials would have made by chance; every other verdict tells their number."""
    if trials is None or verdict.code in ("too_little_data", "refused"):
        return verdict
    counted = "1 trial" if trials.count == 1 else f"{trials.count:,} trials"
    worth = f"undefined, {trials.note}" if trials.deflated is None else f"{trials.deflated:.2f}"
    if verdict.code == "beats" and (trials.deflated is None or trials.deflated < LEAST_DEFLATED):
        return replace(
            verdict,
            code="indistinguishable",
            sentence=f"There is no evidence of an edge after {counted}: deflated Sharpe ratio {worth}.",
            reason=f"{LEAST_DEFLATED:.2f} is needed. {verdict.reason}",
            evidence=_EVIDENCE,
        )
    return replace(verdict, reason=f"{verdict.reason} Deflated Sharpe ratio after {counted}: {worth}.")


def _certified(verdict: Verdict, certificate: Certificate | None) -> Verdict:
    """Nothing is claimed of a result that knows the future."""
    if certificate is None or certificate.passed or verdict.code == "refused":
        return verdict
    if not certificate.failed:
        return Verdict(code="refused", sentence=f"Refused: {certificate.sentence}", reason="", evidence=_EVIDENCE)
    first = certificate.failed[0]
    return Verdict(
        code="refused",
        sentence=f"Refused: the leakage certificate failed: {first.name}.",
        reason=f"{first.account}. {first.remedy}",
        evidence=_EVIDENCE,
    )


def _shown(certificate: Certificate) -> records.Certificate:
    """The certificate as the report shows it."""
    return records.Certificate(
        passed=certificate.passed,
        sentence=certificate.sentence,
        rows=certificate.rows,
        seed=certificate.seed,
        probes=tuple(
            Probe(
                name=one.probe,
                subject=one.subject,
                outcome=one.outcome,
                times=one.times,
                tested=one.tested,
                found="; ".join(filter(None, (one.place, one.detail))),
                remedy=one.remedy,
            )
            for one in certificate.findings
        ),
        command="rookery audit RUN",
    )
