"""Does a region without certainty accrue no attribution, whatever the method? (ICG, A.3.1 and Fig. 7)

The certainty of a square in the middle of each picture is set to 0 and held there. Integrated Gradients from all 0 and
from all 1 attribute the values; neither knows of certainty, so only a model that ignores what has none suppresses the
attribution in the square, "in both cases". ICG goes from certainty 0 to that certainty, and so gives the square 0 by
construction.
"""

from dataclasses import replace
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.certainty import explicand_with_certainty, with_certainty
from sig.explicand import Explicand, Tally
from sig.path import integrate

MASKED: Final = 10  # pixels a side of the square: at the digits' strokes, and an eighth of the picture
PICTURES: Final = 20
# Where digits take turns it is a five, whose strokes cross the square; the paper's Fig. 10 has one too.
SHOWN: Final = 5
STEPS: Final = 50


def measure_absence(e: Explicand) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Attribute the first 20 pictures with and without certainty in the square; checks, and a series of one picture.

    Checks ``suppressed_icg``, ``suppressed_ig_zero`` and ``suppressed_ig_one`` are the mean absolute attribution over
    the square's pixels, and over pictures, where it has certainty 0, relative to that where it has certainty 1: 0 where
    attribution is suppressed, 1 where certainty makes no difference. The series has a row for each pixel, row by row:
    ``pixel``, its number; ``input``; ``certainty``; ``icg``, ``ig_zero`` and ``ig_one``; and ``combined``, the sum of
    the last two.

    Raises:
        NotApplicable: when the model does not see certainty.
    """
    some = replace(e, inputs=e.inputs[:PICTURES], target=e.target[:PICTURES], tally=Tally())
    everywhere = torch.ones_like(some.inputs)
    square = mark_square(some.inputs)
    certainty = everywhere.masked_fill(square, 0.0)
    plain, masked = attribute_at(some, everywhere), attribute_at(some, certainty)
    checks = {
        f"suppressed_{name}": float(masked[name][square].abs().mean() / plain[name][square].abs().mean())
        for name in masked
    }
    shown = min(SHOWN, len(some.inputs) - 1)
    maps = {"input": some.inputs, "certainty": certainty, **masked, "combined": masked["ig_zero"] + masked["ig_one"]}
    columns = {name: values[shown].flatten() for name, values in maps.items()}
    return checks, {"pixel": torch.arange(some.inputs[0].numel()), **columns}


def mark_square(pictures: Float[Tensor, "batch 1 height width"]) -> Bool[Tensor, "batch 1 height width"]:
    """The square in the middle of each picture."""
    height, width = pictures.shape[2:]
    top, left = (height - MASKED) // 2, (width - MASKED) // 2
    square = torch.zeros_like(pictures, dtype=torch.bool)
    square[..., top : top + MASKED, left : left + MASKED] = True
    return square


def attribute_at(
    e: Explicand, certainty: Float[Tensor, "batch 1 height width"]
) -> dict[str, Float[Tensor, "batch 1 height width"]]:
    """ICG from certainty 0 to this one, and, this one held, Integrated Gradients from values of all 0 and all 1."""
    aware, x = explicand_with_certainty(e), e.inputs
    end = with_certainty(x, certainty).unsqueeze(1)

    def attribute(values: Tensor, certainty: Tensor) -> Tensor:
        return integrate(aware, with_certainty(values, certainty).unsqueeze(1), end, steps=STEPS)

    return {
        "icg": attribute(x, torch.zeros_like(x))[:, 1:],
        "ig_zero": attribute(torch.zeros_like(x), certainty)[:, :1],
        "ig_one": attribute(torch.ones_like(x), certainty)[:, :1],
    }
