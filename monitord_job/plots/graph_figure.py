"""The graph of a workflow, level by level, in the colours of where its nodes stand."""

from __future__ import annotations

from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dag_rewriter.model.layout import HEIGHT, MARGIN, lay_out
from monitord_job.plots.canvas import FAINT, INCH, INK, STATE_COLOURS, legend, new_figure
from monitord_job.plots.graph_data import Drawn, Graph

_LETTER, _PAD = 5.6, 8.0
_TITLE, _BESIDE = 46.0, 130.0
"""Points above and beside the graph."""


def label_of(node: Drawn) -> str:
    """What stands in its box."""
    return f"{node.label} × {node.count:,}" if node.count > 1 else node.label


def graph_figure(graph: Graph, title: str) -> Figure:
    """Nodes of a kind that stand in one level are one box if there are many; a box has the shares of its states."""
    labels = {key: label_of(node) for key, node in graph.nodes.items()}
    widths = {key: len(label) * _LETTER + 2 * _PAD for key, label in labels.items()}
    layout = lay_out(graph.levels, graph.edges, widths)
    width, height = max(layout.width, 300.0), max(layout.height, 60.0)
    if graph.levels_a_row > 1:
        title += f" ({graph.levels_a_row} levels in a row)"
    figure = new_figure((width + _BESIDE) / INCH, (height + _TITLE) / INCH, title)
    figure.set_layout_engine("none")
    figure.suptitle(title, x=0.01, y=1 - 12 / (height + _TITLE), ha="left", va="top", fontweight="bold")
    axes = figure.add_axes((0, 0, width / (width + _BESIDE), height / (height + _TITLE)))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.add_collection(LineCollection(list(layout.lines.values()), colors=FAINT, linewidths=0.7))
    for key, box in layout.boxes.items():
        node, left = graph.nodes[key], box.left
        for word in STATE_COLOURS:
            share = box.width * node.states.get(word, 0) / node.count
            if share:
                colour = STATE_COLOURS[word]
                axes.add_patch(
                    Rectangle((left, box.top), share, HEIGHT, facecolor=colour, linewidth=0, zorder=2)
                )
                left += share
        frame = Rectangle(
            (box.left, box.top), box.width, HEIGHT, fill=False, edgecolor=INK, linewidth=0.8, zorder=3
        )
        axes.add_patch(frame)
        place = (box.middle, box.top + HEIGHT / 2)
        axes.text(*place, labels[key], ha="center", va="center", fontsize=8, zorder=4)
    used = [word for word in STATE_COLOURS if any(node.states.get(word) for node in graph.nodes.values())]
    legend(axes, [(STATE_COLOURS[word], word) for word in used])
    if not graph.nodes:
        axes.text(MARGIN, MARGIN + 10, "there is nothing in it", color=FAINT)
    return figure
