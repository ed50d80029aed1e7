"""One gradient at the explicand."""

from torch import Generator, Tensor

from sig import path
from sig.explicand import Explicand
from sig.registry import method


@method("gradient", family="gradient", source="Simonyan et al. 2014, eq. 2 (with its sign)")
def gradient(e: Explicand, *, generator: Generator) -> Tensor:
    """dF/dx_i."""
    return path.gradient(e)


@method("input-x-gradient", family="gradient", source="Shrikumar et al. 2017, section 2")
def input_x_gradient(e: Explicand, *, generator: Generator) -> Tensor:
    """x_i dF/dx_i."""
    return e.inputs * path.gradient(e)
