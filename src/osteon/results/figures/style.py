"""One look for every figure: type, colours bound to models, words for strata, and deterministic files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text

from osteon.core.tables import written

WIDTH = 7.2  # inches: the text width of an A4 page with journal margins
INK, MUTED, RULE, PAPER = "#1b1f24", "#626a73", "#d5d9de", "#ffffff"

# Okabe & Ito's palette without its yellow (invisible on paper), strongest contrast first; an eighth model takes the
# first colour again with another dash, so no two of the first 56 look alike even in black and white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5c5c5c")
_LEFT = 4  # colours left for networks and people's own kinds: a kind that most studies have one of has its own
_BY_HAND = ("#882255", "#117733", "#999933", "#AA4499")  # of models that osteon did not fit
_FIRST_BY_HAND = 3  # their first dash and marker
#: What is said of a model that no study names.
BY_HAND = "added by hand"
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.4, 1.2)), (0, (6, 1.5, 1.4, 1.5)), (0, (3, 1, 3, 1, 1, 1)))
_DASHES += ((0, (9, 2)), (0, (1, 2.4)), (0, (8, 1.5, 2.5, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")

# Layout is measured in DejaVu Sans, which comes with matplotlib and so is the same on every machine; the SVG then asks
# for the narrower faces that look better on a page, so nothing that fitted can overflow.
_FACES = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 7.5,
    "text.color": INK,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "osteon",
    "pdf.fonttype": 42,
    "path.simplify_threshold": 0.2,
    "axes.formatter.use_mathtext": False,
}

P = ParamSpec("P")


@dataclass(frozen=True)
class Look:
    """How one model is drawn, in every figure alike.

    Attributes:
        colour: Of its lines and marks.
        dash: Of its lines.
        marker: Of its points.
        remark: What a legend says behind its name.
    """

    colour: str
    dash: Any
    marker: str
    remark: str = ""

    @property
    def line(self) -> dict[str, Any]:
        """Keywords of a line."""
        return {"color": self.colour, "linestyle": self.dash}

    def named(self, model: str) -> str:
        """The model's name as a legend says it."""
        return f"{model} ({self.remark})" if self.remark else model


def looks(models: Iterable[str], own: Mapping[str, tuple[str, int] | None] | None = None) -> dict[str, Look]:
    """Bind each model to a colour, dash and marker.

    Args:
        models: The models in their order.
        own: Model to the colour and mark that its kind has of its own (:attr:`osteon.study.ModelSettings.drawn`); a
            model that is not there was added by hand. A model's look then depends on that and its place among those
            that share it (networks and people's own kinds do), so that another model at the end of the study changes
            no other. Without, it depends on the place alone.
    """
    names = list(dict.fromkeys(models))
    if own is None:
        return {name: _look(_COLOURS[i % len(_COLOURS)], i) for i, name in enumerate(names)}
    groups = {name: own.get(name, (BY_HAND, _FIRST_BY_HAND)) for name in names}
    found = {}
    for name, group in groups.items():
        place = [other for other in names if groups[other] == group].index(name)
        turn = place + place // len(_DASHES)  # colours and dashes must not come back together
        if group is None:
            found[name] = _look(_COLOURS[place % _LEFT], turn)
        elif group[0] == BY_HAND:
            found[name] = _look(_BY_HAND[place % len(_BY_HAND)], group[1] - turn, BY_HAND)
        else:
            found[name] = _look(group[0], group[1] + place)
    return found


def _look(colour: str, shape: int, remark: str = "") -> Look:
    return Look(colour, _DASHES[shape % len(_DASHES)], _MARKERS[shape % len(_MARKERS)], remark)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in osteon's style and leave matplotlib's own settings as they were."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_RC):
            return draw(*args, **kwargs)

    return in_style


#: What stands in a file beside the figure: nothing that tells when it was drawn.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": "osteon"}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": "osteon", "Producer": "osteon"}},
    "png": {"metadata": {"Software": None}},
    "tiff": {"pil_kwargs": {"compression": "tiff_lzw"}},
}


def save(figure: Figure, stem: Path, *, also: Iterable[str] = ("pdf",), dpi: int = 300) -> list[Path]:
    """Write ``stem.svg`` (text as text) and files of other types atomically; the same figure gives the same bytes.

    Args:
        figure: The figure; it is laid out once, so that all files agree.
        stem: Their path without suffix; files of types that are not asked for are removed.
        also: ``pdf``, ``png``, ``tiff``.
        dpi: Dots per inch of those that have dots.

    Returns:
        The paths, that of the SVG first.
    """
    asked = ("svg", *also)
    remove(stem, set(_METADATA) - set(asked))
    paths = []
    for kind in asked:
        with mpl.rc_context(_RC):
            drawn = io.BytesIO()
            figure.savefig(drawn, format=kind, dpi=dpi if kind in ("png", "tiff") else "figure", **_METADATA[kind])
            figure.set_layout_engine("none")
        data = drawn.getvalue()
        if kind == "svg":
            data = data.decode().replace("'DejaVu Sans'", _FACES).encode()
        paths.append(stem.with_name(f"{stem.name}.{kind}"))
        with written(paths[-1]) as beside:
            beside.write_bytes(data)
    return paths


def remove(stem: Path, kinds: Iterable[str] = tuple(_METADATA)) -> None:
    """Remove the files of a figure."""
    for kind in kinds:
        stem.with_name(f"{stem.name}.{kind}").unlink(missing_ok=True)


def panels(count: int, *, columns: int, height: float) -> tuple[Figure, list[Axes], list[Axes]]:
    """A page-wide figure with `count` axes in rows of `columns`, and the empty places that are left, axes off."""
    columns = min(columns, count)
    rows = -(-count // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0.06)
    figure = Figure(figsize=(WIDTH, height * rows), layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in grid[count:]:
        spare.axis("off")
    return figure, grid[:count], grid[count:]


def key(figure: Figure, spare: list[Axes], look: Mapping[str, Look], *, markers: bool = False) -> None:
    """Say which line is which model: in an empty place if there is one, else below the panels."""
    handles = [
        Line2D([], [], label=label, marker=style.marker if markers else "", markersize=4.5, **style.line)
        for label, style in ((style.named(name), style) for name, style in look.items())
    ]
    if spare:
        spare[0].legend(handles=handles, loc="center left", handlelength=3.2, fontsize=7.5, labelspacing=0.7)
    else:
        longest = max(len(str(handle.get_label())) for handle in handles)
        columns = max(1, min(4, len(look), 88 // (longest + 9)))
        figure.legend(handles=handles, loc="outside lower left", ncols=columns, handlelength=3.2, fontsize=7.5)


def caption(figure: Figure, text: str) -> None:
    """A line of explanation under the panels."""
    figure.supxlabel(text, fontsize=6.8, color=MUTED, x=0.01, ha="left")


def halo(text: Text) -> None:
    """Keep a label legible where lines cross it."""
    text.set_bbox({"facecolor": PAPER, "alpha": 0.8, "edgecolor": "none", "pad": 0.8})


def note(axes: Axes, text: str) -> None:
    """Say in the middle of an empty panel why it is empty."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED, style="italic", wrap=True
    )


def row_of(table: pd.DataFrame, **where: str) -> pd.Series | None:
    """The single row that matches, or None."""
    found = table
    for column, value in where.items():
        found = found[found[column] == value]
    return None if found.empty else found.iloc[0]


def models_of(table: pd.DataFrame, given: Mapping[str, Look] | None, without: Sequence[str] = ()) -> dict[str, Look]:
    """The looks handed in, or those of the table's own models in their order."""
    own = [name for name in dict.fromkeys(table["model"]) if name not in without]
    all_looks = dict(given) if given is not None else looks(own)
    return {name: all_looks[name] for name in all_looks if name in set(own)}


def broken(name: str, width: int) -> str:
    """A model's name on several lines, broken after hyphens and underscores."""
    lines = [""]
    for part in re.findall(r"[^-_ ]+[-_ ]?|[-_ ]", name):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
