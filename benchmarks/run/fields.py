"""Parts of records: arrays as text, where numbers come from, a point of a sweep, a column's facts."""

import base64
import zlib
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import pydantic

LEVELS: Final = 63  # on either side of 0, in an ``EncodedArray``
STRICT: Final = pydantic.ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class RecordPart(pydantic.BaseModel):
    """A table within a record; strict as the record itself (``benchmarks.run.records.Document``)."""

    model_config = STRICT


class EncodedArray(RecordPart):
    """An array as text: base64 of zlib-compressed bytes, little-endian, in C order.

    The bytes are float32 values. Or, in a quarter of the size and as fine as a figure shows them, ``levels``: for each
    entry of the first axis its largest absolute value m in float32, then a byte for each value, a whole number k from
    -63 to 63 that stands for sign(k) (k / 63)^2 m.
    """

    shape: tuple[int, ...]
    coding: Literal["float32", "levels"] = "float32"
    data: str

    @classmethod
    def of(cls, array: Any) -> "EncodedArray":
        """The array in float32, exactly."""
        values = np.asarray(array, dtype="<f4")
        return cls(shape=values.shape, data=_compress(values.tobytes()))

    @classmethod
    def of_levels(cls, array: Any) -> "EncodedArray":
        """The array, of finite values, in levels, each off by at most 1.6 % of the largest."""
        values = np.asarray(array, dtype="<f4")
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True, initial=0)
        relative = values / np.where(largest > 0, largest, 1).astype(float)
        levels = np.rint(np.sign(relative) * np.sqrt(np.abs(relative)) * LEVELS).astype("i1")
        return cls(shape=values.shape, coding="levels", data=_compress(largest.tobytes() + levels.tobytes()))

    def decode(self) -> np.ndarray:
        """The array in float32."""
        content = zlib.decompress(base64.b64decode(self.data))
        if self.coding == "float32":
            return np.frombuffer(content, dtype="<f4").reshape(self.shape)
        rows, *others = self.shape
        largest = np.frombuffer(content[: 4 * rows], dtype="<f4").reshape(rows, *(1 for _ in others)).astype(float)
        levels = np.frombuffer(content[4 * rows :], dtype="i1").reshape(self.shape) / LEVELS
        return np.asarray(levels * np.abs(levels) * largest, dtype="<f4")


def _compress(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


class SweepPoint(RecordPart):
    """The position of a cell in a sweep: the sweep's name, the option that varies, and its value here."""

    name: str
    option: str
    value: Any


class Provenance(RecordPart):
    """The commit, packages, processor, device and data that numbers come from.

    Attributes:
        commit: of the checkout, None outside one.
        dirty: whether the checkout differed from the commit.
        python: its version.
        packages: versions by name.
        device: that the model ran on.
        processor: its model name.
        instructions: of the processor, as far as torch uses them.
        native_bf16: whether the device multiplies bfloat16 so that recipes which ask for it train in it.
        threads: of torch in the process.
        data: SHA-256 of data and checkpoints, by name.
        started_at: when the work began, with its time zone.
    """

    commit: str | None
    dirty: bool | None
    python: str
    packages: dict[str, str]
    device: str
    processor: str
    instructions: str
    native_bf16: bool
    threads: int
    data: dict[str, str]
    started_at: datetime


class ColumnFacts(RecordPart):
    """The facts of a column of scores that the leaderboard reads; ``Metric`` says what each field means.

    ``label`` is that of the metric in the suite, ``metric`` its registered name, ``truth`` the truth that the column
    scores against, empty for none.
    """

    label: str
    metric: str
    options: dict[str, Any]
    truth: str
    better: Literal["lower", "higher"]
    range: tuple[float, float]
    unit: str
    source: str
    curve: str
    judges: bool
