"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from ..core.errors import DataError

__all__ = ["History"]


class History:
    """A list of numbers for each thing measured, with one number per epoch.

    >>> history["loss"]                  # [1.92, 0.61, 0.34]
    >>> history.last["test_accuracy"]    # 0.913
    """

    def __init__(self, columns: dict[str, list[float]] | None = None) -> None:
        self.columns: dict[str, list[float]] = {k: list(v) for k, v in (columns or {}).items()}
        if len({len(values) for values in self.columns.values()}) > 1:
            lengths = ", ".join(f"{k} {len(v)}" for k, v in self.columns.items())
            raise DataError(f"History: every column has one number per epoch; got {lengths}")

    def __len__(self) -> int:
        """Number of epochs."""
        return len(next(iter(self.columns.values()), []))

    def __getitem__(self, name: str) -> list[float]:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.columns == other.columns

    def __repr__(self) -> str:
        return f"<History of {len(self)} epochs: {describe(self.last)}>"

    @property
    def last(self) -> dict[str, float]:
        """The numbers of the last epoch."""
        return {name: values[-1] for name, values in self.columns.items()}

    def append(self, row: dict[str, float]) -> None:
        """Add an epoch, with the same names as in those before."""
        if self.columns and row.keys() != self.columns.keys():
            raise DataError(f"History: this epoch has {sorted(row)}, others {sorted(self.columns)}")
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def to_json(self) -> str:
        """The columns as JSON."""
        return json.dumps(self.columns, indent=1)

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote."""
        try:
            columns = json.loads(text)
            return cls({str(k): [float(v) for v in values] for k, values in columns.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"History: this is no history in JSON ({error})") from None

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """Draw losses and accuracies over the epochs; see `gpugraph.training.pictures.curves`."""
        from .pictures import curves

        return curves(self, path)


def describe(row: dict[str, float]) -> str:
    """One line for people: "loss 0.0412  test accuracy 98.31 %  seconds 1.2"."""

    def told(name: str, value: float) -> str:
        if "accuracy" in name:
            return f"{100 * value:.2f} %"
        return f"{value:.1f}" if name == "seconds" else f"{value:.4f}"

    return "  ".join(f"{name.replace('_', ' ')} {told(name, row[name])}" for name in row)
