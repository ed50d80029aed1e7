"""Burnt Snacks: is there a dark rectangle among dark triangles and light rectangles? (ICG)"""

import itertools
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Generator, Tensor
from torch.nn import functional as F

Point = tuple[int | float, int | float]
Triangle = tuple[Point, Point, Point]

SIDE = 50
MOST_DARK = 3
ATTEMPTS = 10

# Height and width before turning.
RECTANGLES = [(5, 5), (6, 6), (6, 7), (7, 7), (8, 8), (9, 9), (9, 10), (11, 11)]

# Corners as (x, y) in pixels, before turning.
RIGHT_ANGLED = [((0, 0), (0, leg), (leg, leg)) for leg in range(3, 11)]
ISOSCELES = [
    *(((0, 0), (base, 0), (base / 2, height)) for base, height in ((5, 5), (5, 7), (7, 7), (7, 8), (9, 9))),
    ((-0.5, 0), (7.5, 0), (3.5, 7.4)),
]
OTHERS = [
    ((0, 0), (6.25, 0), (3.25, 6)),
    ((-0.25, 0), (6, 0), (4, 6.25)),
    ((-0.25, 0), (9, 10.25), (9, 5.25)),
    ((-0.25, 0.25), (9, 7), (9, 2.75)),
    ((3, -0.25), (10.25, 8.25), (-0.25, 10)),
    ((2.75, -0.25), (10.25, 5.5), (0, 10)),
]
TRIANGLES: list[Triangle] = [*RIGHT_ANGLED, *ISOSCELES, *OTHERS]
TURNS = list(itertools.product((False, True), repeat=3))  # transposed, then top and bottom, left and right exchanged
RECTANGLE_STAMPS = len(RECTANGLES) * len(TURNS)
STAMPS = RECTANGLE_STAMPS + len(TRIANGLES) * len(TURNS)

_LARGEST_BOX = 13
_AT_ONCE = 1000


class Plan(NamedTuple):
    """Everything that is left to chance: ``paint`` only carries it out.

    Each image has 13 objects, three dark rectangles and then ten attempts.

    Attributes:
        dark: how many of the dark rectangles are wanted: 0 in class 0, and 1 to 3 in class 1.
        stamps: shape and turn of each object, ``len(TURNS) * shape + turn``, where shapes are the rectangles and then
            the triangles.
        lightness: of each object, in [0.25, 1].
        places: where each object goes, in [0, 1): 0 is the first of the places open to it, row by row, and 1 the end.
    """

    dark: Int[Tensor, " images"]
    stamps: Int[Tensor, "images 13"]
    lightness: Float[Tensor, "images 13"]
    places: Float[Tensor, "images 13"]


class BurntSnacks(NamedTuple):
    """Images in [0, 1], whether a dark rectangle is on them, and what is where.

    Attributes:
        labels: 1 where there is a dark rectangle, otherwise 0.
        objects: the number of the object a pixel belongs to, 0 for the background. Dark rectangles are 1 to 3, the ten
            attempts 4 to 13; an attempt that found no room is missing.
        dark, light, triangle: the pixels of the dark rectangles, the light ones, and the triangles.
    """

    images: Float[Tensor, "images 1 50 50"]
    labels: Int[Tensor, " images"]
    objects: UInt8[Tensor, "images 1 50 50"]
    dark: Bool[Tensor, "images 1 50 50"]
    light: Bool[Tensor, "images 1 50 50"]
    triangle: Bool[Tensor, "images 1 50 50"]


def generate(count: int, generator: Generator) -> BurntSnacks:
    """Images of both classes, equally many up to one, in random order.

    A shape has a black margin of one pixel; both together, its *box*, stay inside the image. Class 1 first gets 1 to 3
    dark rectangles. Then ten attempts take a random triangle or light rectangle to a random place, and leave it there
    if its box is still black. Dark rectangles and triangles have lightness 0.5 * U(0.5, 1), light rectangles U(0.5, 1).

    The 28 shapes are those of the published images, equally likely as there: 8 rectangles, and 20 triangles, of which
    8 are right-angled with equal legs of 3 to 10 pixels, 6 isosceles and 6 of other forms. Dark rectangles are of the
    same eight.

    **Reading.** A triangle's pixels are those whose centres lie inside three corners; the corners are chosen so that
    sizes and numbers of pixels are the published ones. All eight turns are equally likely. Places are uniform over the
    image, those of dark rectangles over where the box is black: none is left out for lack of room.

    Raises:
        ValueError: when ``count`` is below 1.
    """
    return paint(plan(count, generator))


def plan(count: int, generator: Generator) -> Plan:
    """Draws ``count`` images; see ``generate``."""
    if count < 1:
        raise ValueError(f"{count} images were asked for, expected at least 1")
    labels = torch.randperm(count, generator=generator) % 2
    objects = (count, MOST_DARK + ATTEMPTS)
    stamps = torch.randint(STAMPS, objects, generator=generator)
    stamps[:, :MOST_DARK] = torch.randint(RECTANGLE_STAMPS, (count, MOST_DARK), generator=generator)
    brightest = torch.where(stamps < RECTANGLE_STAMPS, 1.0, 0.5)
    brightest[:, :MOST_DARK] = 0.5
    return Plan(
        dark=labels * torch.randint(1, MOST_DARK + 1, (count,), generator=generator),
        stamps=stamps,
        lightness=brightest * (0.5 + 0.5 * torch.rand(objects, generator=generator)),
        places=torch.rand(objects, generator=generator, dtype=torch.float64),
    )


def paint(plan: Plan) -> BurntSnacks:
    """Carries a plan out: a thousand images at once, which stay in the cache, one object after the other."""
    parts = (Plan(*part) for part in zip(*(drawn.split(_AT_ONCE) for drawn in plan), strict=True))
    first = _paint(next(parts))
    if len(first.images) == len(plan.dark):
        return first
    painted = BurntSnacks(*(kind.new_empty(len(plan.dark), *kind.shape[1:]) for kind in first))
    for i, part in enumerate(itertools.chain([first], map(_paint, parts))):
        for whole, some in zip(painted, part, strict=True):
            whole[i * _AT_ONCE : i * _AT_ONCE + len(some)] = some
    return painted


def _paint(plan: Plan) -> BurntSnacks:
    objects = torch.zeros(len(plan.dark), SIDE * SIDE, dtype=torch.uint8)
    index = torch.arange(MOST_DARK + ATTEMPTS)
    wanted = (index < plan.dark.unsqueeze(1)) | (index >= MOST_DARK)
    corners = _corners(plan)
    for i in range(MOST_DARK + ATTEMPTS):
        _put(objects, i + 1, plan.stamps[:, i], corners[:, i], wanted[:, i])
    return _described(objects, plan)


def _corners(plan: Plan) -> Int[Tensor, "images 13 2"]:
    """Row and column of the top-left corner of each object's box."""
    boxes = _BOXES[plan.stamps]
    height, width = (SIDE + 1 - boxes).unbind(2)
    rank = (plan.places * height * width).long()
    corners = torch.stack([rank // width, rank % width], 2)
    for index in range(1, MOST_DARK):
        row = (plan.dark > index).nonzero().squeeze(1)
        black = _black_places(boxes[row, index], corners[row, :index], boxes[row, :index])
        corners[row, index] = _nth_place(black, plan.places[row, index])
    return corners


def _black_places(
    box: Int[Tensor, "images 2"], corners: Int[Tensor, "images rectangles 2"], boxes: Int[Tensor, "images rectangles 2"]
) -> Bool[Tensor, "images 50 50"]:
    """A mask of the top-left corners with which a box holds nothing of the rectangles in the other boxes."""
    at, box = torch.arange(SIDE).view(-1, 1), box.unsqueeze(1)
    first, last = (corners + 1).unsqueeze(2), (corners + boxes - 2).unsqueeze(2)
    touched = _outer((at <= last) & (at + box.unsqueeze(1) > first)).any(1)
    return _outer(at <= SIDE - box) & ~touched


def _outer(rows_and_columns: Bool[Tensor, "*images 50 2"]) -> Bool[Tensor, "*images 50 50"]:
    rows, columns = rows_and_columns.unbind(-1)
    return rows.unsqueeze(-1) & columns.unsqueeze(-2)


def _nth_place(open_to_it: Bool[Tensor, "images 50 50"], place: Float[Tensor, " images"]) -> Int[Tensor, "images 2"]:
    counts = open_to_it.flatten(1).cumsum(1, dtype=torch.int16)
    rank = (place * counts[:, -1]).to(torch.int16)
    corner = torch.searchsorted(counts, (rank + 1).unsqueeze(1)).squeeze(1)
    return torch.stack([corner // SIDE, corner % SIDE], 1)


def _put(
    objects: UInt8[Tensor, "images pixels"],
    number: int,
    stamp: Int[Tensor, " images"],
    corner: Int[Tensor, "images 2"],
    wanted: Bool[Tensor, " images"],
) -> None:
    """Writes the object's number where its box is black and it is wanted."""
    rows = torch.arange(_LARGEST_BOX) * SIDE
    square = (rows.unsqueeze(1) + torch.arange(_LARGEST_BOX)).flatten()
    # The square around a smaller box may reach over the edges; what lies outside the box is neither read nor changed.
    pixels = ((corner[:, :1] * SIDE + corner[:, 1:]) + square).clamp(max=SIDE * SIDE - 1)
    black = (objects.gather(1, pixels) * _INSIDE.index_select(0, stamp)).any(1).logical_not()
    number_or_0 = (black & wanted).byte() * number
    objects.scatter_add_(1, pixels, _SHAPES.index_select(0, stamp) * number_or_0.unsqueeze(1))


def _described(objects: UInt8[Tensor, "images pixels"], plan: Plan) -> BurntSnacks:
    number = objects.long()
    images = F.pad(plan.lightness, (1, 0)).gather(1, number)
    triangle = F.pad(plan.stamps >= RECTANGLE_STAMPS, (1, 0)).gather(1, number)
    dark = (objects > 0) & (objects <= MOST_DARK)
    light = (objects > MOST_DARK) & ~triangle
    images, objects, dark, light, triangle = (
        pixels.unflatten(1, (1, SIDE, SIDE)) for pixels in (images, objects, dark, light, triangle)
    )
    return BurntSnacks(images, (plan.dark > 0).long(), objects, dark, light, triangle)


def _catalogue() -> tuple[UInt8[Tensor, "stamps square"], UInt8[Tensor, "stamps square"], Int[Tensor, "stamps 2"]]:
    """Each stamp's shape and its box as 0 and 1, in the corner of the largest box, and the box's height and width."""
    shapes, boxes, sizes = [], [], []
    outlines = [torch.ones(*sides) for sides in RECTANGLES] + [_rasterise(*corners) for corners in TRIANGLES]
    for outline, (transposed, *flipped) in itertools.product(outlines, TURNS):
        shape = (outline.T if transposed else outline).flip([axis for axis in (0, 1) if flipped[axis]])
        height, width = shape.shape[0] + 2, shape.shape[1] + 2
        rest = (0, _LARGEST_BOX - width, 0, _LARGEST_BOX - height)
        shapes.append(F.pad(F.pad(shape, (1, 1, 1, 1)), rest))
        boxes.append(F.pad(torch.ones(height, width), rest))
        sizes.append((height, width))
    return torch.stack(shapes).flatten(1).byte(), torch.stack(boxes).flatten(1).byte(), torch.tensor(sizes)


def _rasterise(a: Point, b: Point, c: Point) -> Float[Tensor, "height width"]:
    """1 for the pixels whose centres lie inside three corners or between two of them, and 0 around them."""
    y, x = torch.meshgrid(*[torch.arange(_LARGEST_BOX, dtype=torch.float64) + 0.5] * 2, indexing="ij")
    sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
    left, right = (torch.stack([sign * side >= 0 for side in sides]).all(0) for sign in (1, -1))
    inside = left | right
    return inside[inside.any(1)][:, inside.any(0)].float()


_SHAPES, _INSIDE, _BOXES = _catalogue()
