"""A figure, its interval, and how it is written: the ground of every section."""

from dataclasses import dataclass
from typing import Literal, Self

Style = Literal["number", "percent", "bps", "money", "count", "seconds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and its value as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval, or the reason why it has none (`note`; 'exact' where nothing is sampled)."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        bounded = self.low is not None and self.high is not None
        if (self.value is None or not bounded) and not self.note:
            raise ValueError("an estimate without value or interval must say 'exact' or why, in note")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"interval runs backwards: {self.low} to {self.high}")

    @classmethod
    def exact(cls, value: float) -> Self:
        """A figure that nothing was sampled for, such as the return of holding cash."""
        return cls(value=value, note="exact")

    @classmethod
    def absent(cls, reason: str) -> Self:
        """No figure, and why not."""
        return cls(value=None, note=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An estimate for a named rival: a baseline, or the agent minus that baseline."""

    name: str
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of its own, with its interval; `text` says what it is. A `percent` value is a fraction."""

    name: str
    style: Style
    digits: int
    unit: str = ""
    estimate: Estimate
    text: str
