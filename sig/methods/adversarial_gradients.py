"""Adversarial Gradient Integration: paths from inputs that the model takes for another class."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from sig.explicand import Explicand
from sig.registry import NotApplicable, method


@method("agi", family="integrated-gradients", source="Pan et al. 2021, algorithm 1", spend=("evaluations", "classes"))
def agi(e: Explicand, *, evaluations: int = 31, classes: int = 5, generator: Generator) -> Tensor:
    """The mean over other classes c of the integral of dF/dx_i dx_i from x' to x; ascent from x to class c ends at x'.

    From x_0 = x, x_{j+1} = x_j + epsilon sign(dF_c/dx), clipped to the input range, until the model says c or the steps
    are used up. Each step gives feature i (dF/dx_i at x_j) (x_j - x_{j+1})_i.

    A step is three rows, one forward and one backward for each of F and F_c. Each of ``evaluations`` buys two rows for
    each of ``classes``, as with other gradient methods; one forward row in all is spent to count the model's outputs.
    The other classes are drawn for each explicand, all of them where there are fewer.

    **Reading.** The authors take epsilon = 0.05 of the range and at most 20 steps: together the whole range. Here
    epsilon is the range over the number of steps, so that the integral converges with the budget. F and F_c are the
    outputs that are explained, logits or probabilities. The paper's sum over classes is a mean, which scales all alike.

    Raises:
        NotApplicable: when the model has one output, or the evaluations do not suffice for a step.
    """
    with torch.no_grad():
        outputs = e.outputs(e.inputs[:1]).shape[1]
    if outputs < 2:
        raise NotApplicable("needs another class to go to, and the model has one output")
    k = min(classes, outputs - 1)
    steps = (2 * evaluations * classes - 1) // (3 * k)
    if steps < 1:
        raise NotApplicable(f"one step takes 3 rows and counting the outputs 1, more than {2 * evaluations * classes}")
    others = _draw_others(e.target, outputs, k, generator)
    total, ends = torch.zeros_like(e.inputs), []
    for some in torch.arange(len(e.inputs), device=e.device).split(max(1, e.rows_per_batch // k)):
        given, reached = _ascend(e, some.repeat_interleave(k), others[some].flatten(), steps)
        total[some] = given.unflatten(0, (len(some), k)).mean(1)
        ends.append(reached.unflatten(0, (len(some), k)))
    starts = torch.cat(ends)
    e.tally.paths = (starts, e.inputs.unsqueeze(1).expand_as(starts))
    return total


def _draw_others(
    target: Int[Tensor, " batch"], outputs: int, count: int, generator: Generator
) -> Int[Tensor, "batch count"]:
    """Different classes for each explicand, none of them its own."""
    drawn = torch.rand(len(target), outputs - 1, generator=generator).argsort(1)[:, :count].to(target.device)
    return drawn + (drawn >= target.unsqueeze(1))


def _ascend(
    e: Explicand, owner: Int[Tensor, " paths"], other: Int[Tensor, " paths"], steps: int
) -> tuple[Float[Tensor, "paths *features"], Float[Tensor, "paths *features"]]:
    """The attribution of each path, and where the path ends."""
    low, high = e.input_range
    x, total = e.inputs[owner].clone(), torch.zeros_like(e.inputs[owner])
    going = torch.arange(len(owner), device=e.device)
    for _ in range(steps):
        still = [going]
        for rows in going.split(e.rows_per_batch):
            arrived, towards, own = _both_gradients(e, x[rows], other[rows], e.target[owner[rows]])
            on, left = rows[~arrived], ~arrived
            moved = (x[on] + (high - low) / steps * towards[left].sign()).clamp(low, high)
            total[on] += own[left] * (x[on] - moved)
            x[on] = moved
            still.append(on)
        going = torch.cat(still[1:])
        if len(going) == 0:
            break
    return total, x


def _both_gradients(
    e: Explicand, x: Float[Tensor, "rows *features"], other: Int[Tensor, " rows"], target: Int[Tensor, " rows"]
) -> tuple[Tensor, Float[Tensor, "rows *features"], Float[Tensor, "rows *features"]]:
    """Whether the model says the other class, and the gradients of its output and of the target's."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        outputs = e.outputs(x)
        of_other, of_target = (outputs.gather(1, which.unsqueeze(1)).sum() for which in (other, target))
    (towards,) = torch.autograd.grad(of_other, x, retain_graph=True)
    (own,) = torch.autograd.grad(of_target, x)
    return outputs.detach().argmax(1) == other, towards, own
