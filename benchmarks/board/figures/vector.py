"""Figures as SVG: letters stay letters, and the same figure gives the same text, in a few bytes for each point."""

import io
import re
from typing import Any, Final, cast

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

UNSAID: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))
PLACED: Final = re.compile(r' (?:d|x|y|transform)="(?!matrix|scale)[^"]*"')  # factors need all their digits
DIGITS: Final = re.compile(r"-?\d+\.\d{3,}")
HEAD: Final = re.compile(r"^<\?xml.*?<svg", re.DOTALL)  # a declaration and a type, which say what is the rule
INDENTED: Final = re.compile(r" *\n *")
NAME: Final = re.compile(r' id="([^"]+)"')
REFERENCE: Final = re.compile(r'(url\(#|href="#)([^)"]+)')
STYLE: Final = re.compile(r' style="([^"]+)"')
RULES: Final = "</style>"  # of matplotlib's own, where more are added


def make_svg(figure: Figure) -> str:
    """The figure as SVG, its places in hundredths of a point. ``savefig`` would draw it twice."""
    buffer, canvas = io.StringIO(), cast(Any, FigureCanvasSVG(figure))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "figures"}):  # so that names do not depend on chance
        canvas.print_svg(buffer, metadata=UNSAID)
    text = INDENTED.sub("\n", HEAD.sub("<svg", buffer.getvalue()))
    placed = PLACED.sub(lambda found: DIGITS.sub(_round, found[0].replace("\n", " ")), text)
    return _share_styles(_shorten_names(placed))


def _round(number: re.Match[str]) -> str:
    return f"{float(number[0]):z.2f}".rstrip("0").rstrip(".")


def _shorten_names(text: str) -> str:
    """Name only what is referred to, by its number: matplotlib's names are hashes of places with all their digits."""
    known = {name: f"i{number}" for number, (_, name) in enumerate(dict.fromkeys(REFERENCE.findall(text)))}
    named = NAME.sub(lambda found: f' id="{known[found[1]]}"' if found[1] in known else "", text)
    return REFERENCE.sub(lambda found: f"{found[1]}{known[found[2]]}", named)


def _share_styles(text: str) -> str:
    """Write each style once, as a rule."""
    rules = {style: f"s{number}" for number, style in enumerate(dict.fromkeys(STYLE.findall(text)))}
    written = "".join(f"\n.{name}{{{style}}}" for style, name in rules.items())
    return STYLE.sub(lambda found: f' class="{rules[found[1]]}"', text).replace(RULES, f"{written}\n{RULES}", 1)
