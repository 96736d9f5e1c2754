"""Draws the diagrams of the docs (docs/images/*.svg): an event's way, and the house."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
_INK, _FILL, _STORE = "#1f3a5f", "#eef3f9", "#fdf3e1"
_WAY = (
    ("DAGMan", "writes a line to its log"),
    ("tail", "whole lines, from the cursor on"),
    ("event", "what the line means"),
    ("rules", "rows and what is due"),
)
_AFTER = (
    ("delivery", "runs what is due"),
    ("readers", "status, watch, why, report, ..."),
)
_HOUSE = (
    ("planner_ext", "the command, run and recover, the planner hook, catalogs, the personal pool"),
    ("monitord_job", "the monitor: logs, Stampede rules, database, notifications, and all who read"),
    ("dag_rewriter", "DAGs and submit directories: read, check, rewrite, undo"),
    ("condor_templates", "submit descriptions, policies, errors, what all share"),
)


def event() -> str:
    """From DAGMan's line to what people see."""
    parts = [_box(10, 10 + 74 * at, 270, name, said) for at, (name, said) in enumerate(_WAY)]
    parts += [_arrow(145, 62 + 74 * at, 145, 84 + 74 * at) for at in range(3)]
    parts += [_box(350, 158, 270, "one transaction", "rows + outbox + cursor", _STORE)]
    parts += [_arrow(280, 258, 350, 196)]
    parts += [_box(350, 10 + 270 * at, 270, name, said) for at, (name, said) in enumerate(_AFTER)]
    parts += [_arrow(485, 158, 485, 62), _arrow(485, 210, 485, 280)]
    return _svg(630, 342, "An event's way", parts)


def house() -> str:
    """The packages; who is above may import who is below."""
    parts = [_box(10, 10 + 74 * at, 610, name, said) for at, (name, said) in enumerate(_HOUSE)]
    parts += [_arrow(315, 62 + 74 * at, 315, 84 + 74 * at) for at in range(len(_HOUSE) - 1)]
    return _svg(630, 20 + 74 * len(_HOUSE) - 22, "The house", parts)


def pictures() -> dict[str, str]:
    """File name -> SVG."""
    return {"event.svg": event(), "house.svg": house()}


def _box(x: int, y: int, width: int, name: str, said: str, fill: str = _FILL) -> str:
    middle = x + width / 2
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="52" rx="6" fill="{fill}" stroke="{_INK}"/>'
        f'<text x="{middle:g}" y="{y + 22}" font-weight="bold">{escape(name)}</text>'
        f'<text x="{middle:g}" y="{y + 41}" font-size="13">{escape(said)}</text>'
    )


def _arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{_INK}" marker-end="url(#tip)"/>'


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    return "\n".join([*_head(width, height, title), *parts, "</g></svg>", ""])


def _head(width: int, height: int, title: str) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    yield f"<title>{escape(title)}</title>"
    yield '<rect width="100%" height="100%" fill="white"/>'
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{_INK}"/></marker></defs>'
    )
    yield f'<g font-family="sans-serif" font-size="15" text-anchor="middle" fill="{_INK}" stroke-width="1">'


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, text in pictures().items():
        (FOLDER / file_name).write_text(text)
