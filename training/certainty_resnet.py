"""A ResNet that sees the certainty of each pixel, and how it is trained (ICG, A.4.1).

"The only modifications made to the architecture were the addition of an extra channel to represent certainty, and an
additional 1x1 (64 channel) convolution layer at the input, with ReLu activation and without batch normalization."

The paper has one certainty for each pixel; ``sig.certainty`` has one for each feature, here for each colour of a pixel.
The network takes the latter and looks at their mean over the colours. In training the three are equal: a pixel is
damaged as a whole. So they are along the path of ICG, which shares what a pixel is attributed equally among its
colours; where a method gives the colours certainties of their own, the network sees an average that is less spread than
what it was trained on.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics.classification import MulticlassAccuracy

from sig.certainty import CertaintyAware, damage_mixture, with_certainty
from training.seeds import generator_for

COLOURS: Final = 3
STEM: Final = 64

Depth = Literal["resnet50", "resnet18"]


class PixelCertainty(nn.Module):
    """Colours and the certainty of each become colours and one certainty, its mean: six channels become four."""

    def forward(self, x: Float[Tensor, "rows 6 height width"]) -> Float[Tensor, "rows 4 height width"]:
        return torch.cat((x[:, :COLOURS], x[:, COLOURS:].mean(1, keepdim=True)), dim=1)


class CertaintyResNet50(nn.Module):
    """The paper's network: pictures in [0, 1] with the certainty of each feature, ``(rows, 6, height, width)``, to
    logits.

    The stem's 7 x 7 convolution takes the 64 channels of the convolution before it. Pictures are not normalised.

    **Reading.** Weights are drawn as for the paper's other networks (A.5): Xavier's, biases 0.

    Args:
        classes: how many logits.
        weights: pretrained ones of torchvision, by name, as in ``IMAGENET1K_V2``; from a network, where they are not in
            torch's cache. They serve for all layers but the first two convolutions and the last layer.
        depth: the paper's, or a smaller one that costs a quarter, with 11 million weights in place of 24.
    """

    def __init__(self, classes: int, *, weights: str | None = None, depth: Depth = "resnet50"):
        super().__init__()
        from torchvision import models  # slow to import

        resnet = models.get_model(depth, weights=weights)
        resnet.conv1 = nn.Conv2d(STEM, STEM, 7, stride=2, padding=3, bias=False)
        resnet.fc = nn.Linear(resnet.fc.in_features, classes)
        self.pixels = PixelCertainty()
        self.mix = nn.Conv2d(COLOURS + 1, STEM, 1)
        self.resnet = resnet
        for layer in self.modules() if weights is None else (self.mix, resnet.conv1, resnet.fc):
            _initialise(layer)

    def forward(self, x: Float[Tensor, "rows 6 height width"]) -> Float[Tensor, "rows classes"]:
        logits: Tensor = self.resnet(self.mix(self.pixels(x)).relu())
        return logits


class ResNetClassifier(pl.LightningModule):
    """A ``CertaintyResNet50`` in training, by AdamW with a one-cycle schedule over all epochs.

    Every picture is damaged anew whenever it is used, by the mixture of all four kinds (A.5). The damage of a step is a
    function of the seed and of how many steps there were before, so that a resumed training damages as one that was
    never interrupted. It logs, on the pictures held out, ``accuracy``, and at certainty 0 ``neutrality_gap`` and
    ``absence_spread``, as ``training.certainty_classifier`` has them.

    Args:
        side: of the pictures, in pixels.
        lr: the largest learning rate.
    """

    def __init__(
        self, *, classes: int, side: int, lr: float, seed: int, weights: str | None = None, depth: Depth = "resnet50"
    ):
        super().__init__()
        resnet = CertaintyResNet50(classes, weights=weights, depth=depth)
        self.network = CertaintyAware(resnet, (COLOURS, side, side))
        self.lr, self.seed = lr, seed
        self.accuracy = MulticlassAccuracy(classes, average="micro")
        self._at_none: list[Tensor] = []
        self._labels: list[Tensor] = []

    def forward(self, x: Float[Tensor, "rows channels height width"]) -> Float[Tensor, "rows classes"]:
        logits: Tensor = self.network(x)
        return logits

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        pictures, labels = batch
        generator = generator_for(self.seed, f"damage of step {self.global_step}")
        loss = F.cross_entropy(self(with_certainty(*damage_pixels(pictures, generator))), labels)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        pictures, labels = batch
        self.accuracy.update(self(pictures), labels)
        self.log("accuracy", self.accuracy, on_epoch=True)
        noise = torch.rand(pictures.shape, generator=generator_for(batch_idx, "noise")).to(pictures)
        self._at_none += [self(with_certainty(x, torch.zeros_like(x))).softmax(1).float() for x in (pictures, noise)]
        self._labels.append(labels)

    def on_validation_epoch_end(self) -> None:
        at_none, labels = torch.cat(self._at_none), torch.cat(self._labels)
        self._at_none.clear()
        self._labels.clear()
        frequencies = labels.bincount(minlength=at_none.shape[1]) / len(labels)
        self.log("neutrality_gap", (at_none.mean(0) - frequencies).abs().max())
        self.log("absence_spread", at_none.std(0).max())

    def configure_optimizers(self) -> Any:
        optimizer = AdamW(self.parameters(), lr=self.lr)
        schedule = OneCycleLR(optimizer, self.lr, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def damage_pixels(
    pictures: Float[Tensor, "batch 3 height width"], generator: Generator
) -> tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, "batch 3 height width"]]:
    """``sig.certainty.damage_mixture`` of whole pixels, whose colours have one certainty and one fate.

    A replaced pixel becomes that of another picture of the batch at the same place, or three U(0, 1) draws.

    Raises:
        ValueError: when there is one picture only, with no other to swap with.
    """
    batch, _, height, width = pictures.shape
    # What is damaged are the numbers 1 .. batch of the pictures that pixels come from; noise is below 1.
    own = torch.arange(1, batch + 1, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, height, width)
    source, certainty = damage_mixture(own, generator)
    noise = torch.rand(pictures.shape, generator=generator).to(pictures)
    origin = (source.long() - 1).clamp(min=0).to(pictures.device)
    y, x = torch.arange(height, device=pictures.device), torch.arange(width, device=pictures.device)
    swapped = pictures[origin[:, 0], :, y.view(-1, 1), x].permute(0, 3, 1, 2)
    is_noise = (source < 1).to(pictures.device)
    return torch.where(is_noise, noise, swapped), certainty.to(pictures).expand_as(pictures)


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
