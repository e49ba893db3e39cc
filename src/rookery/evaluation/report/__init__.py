"""One frozen record of a result, written three ways: report.json, report.md and report.html."""

import json
from pathlib import Path

from rookery.errors import UserError
from rookery.evaluation.report.codec import digest, digest_of, from_json, to_json
from rookery.evaluation.report.markdown import text
from rookery.evaluation.report.record import Report
from rookery.files import read_json, write_bytes

__all__ = ["Report", "digest", "read", "write"]


def write(report: Report, folder: Path) -> Path:
    """Write report.json, report.md and report.html into `folder` and return the page's path.

    Raises ValueError naming the field when a figure is NaN or infinite; then nothing is written.
    """
    # Records are imported far and wide; the template engine only where a page is written.
    from rookery.evaluation.report.html import page

    document = to_json(report)
    own = digest_of(document)
    markdown, html = text(report, own=own), page(report, own=own)
    figures = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "report.json", f"{figures}\n".encode())
    write_bytes(folder / "report.md", markdown.encode())
    write_bytes(folder / "report.html", html.encode())
    return folder / "report.html"


def read(path: Path) -> Report:
    """The record in a report.json. Raises UserError naming the file when it is missing, torn or of another version."""
    try:
        return from_json(read_json(path))
    except UserError:
        raise
    except (ValueError, TypeError, AttributeError) as failure:
        raise UserError(f"is not a report of this version: {failure}", place=path, remedy="run it again") from None
