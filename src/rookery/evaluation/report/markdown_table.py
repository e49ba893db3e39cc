"""A table in Markdown whose columns line up in a terminal."""

from collections.abc import Collection, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> str:
    """Cells padded to equal widths; the columns in `left` begin together, the others end together."""
    cells = [[one.replace("|", "\\|").replace("\n", " ") for one in row] for row in (head, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    rule = ["-" * width if column in left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    padded = [
        [one.ljust(width) if column in left else one.rjust(width) for column, (one, width) in enumerate(pairs)]
        for pairs in (list(zip(row, widths, strict=True)) for row in cells)
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in (padded[0], rule, *padded[1:]))
