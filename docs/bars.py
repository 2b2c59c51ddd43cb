"""Bars below the tables of benchmarks, drawn from the figures in the table. mkdocs calls this hook for every page.

`<!-- bars of column 2, 3 in s -->` after a table draws a bar for each row and each of these columns. A cell such as
`7.4 / 0.2` has a bar for each figure; the column's heading names them: `load: TensorFlow / rehub`.
"""

from __future__ import annotations

import html
import re
from typing import Any

_TABLE = re.compile(
    r"(?P<rows>(?:^\|.*\n)+)\n*<!-- bars of column (?P<columns>[\d, ]+) in (?P<unit>\w+) -->", re.MULTILINE
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Insert bars at each comment that follows a table."""
    return _TABLE.sub(lambda found: f"{found['rows']}\n{draw_bars(**found.groupdict())}", markdown)


def draw_bars(rows: str, columns: str, unit: str) -> str:
    """Return HTML that shows columns of a table as bars of one scale.

    Args:
        rows: the table in Markdown.
        columns: the numbers of the columns, separated by commas; the first is 1.
        unit: that of the figures.
    """
    heading, _, *body = ([cell.strip() for cell in row.strip()[1:-1].split("|")] for row in rows.splitlines())
    chosen = [int(number) - 1 for number in columns.split(",")]
    names = [name.strip(" `") for column in chosen for name in heading[column].rpartition(":")[2].split("/")]
    figures = [[text.split()[0] for column in chosen for text in row[column].split("/")] for row in body]
    longest = max(float(figure) for row in figures for figure in row)
    lines = ['<div class="bars" role="img" aria-label="The figures of the table above as bars">']
    for row, row_figures in zip(body, figures):
        lines.append(f"<p>{html.escape(row[0])}</p>")
        for series, (name, figure) in enumerate(zip(names, row_figures)):
            bar = f'<i class="bar-{series}" style="width: {50 * float(figure) / longest:.1f}%"></i>'
            lines.append(f"<div><span>{html.escape(name)}</span>{bar}{figure} {unit}</div>")
    return "\n".join([*lines, "</div>"])
