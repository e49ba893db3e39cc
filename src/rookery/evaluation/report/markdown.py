"""x."""

from rookery.evaluation.report.record import Report


def text(report: Report) -> str:
    return report.title
