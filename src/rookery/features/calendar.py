"""What time it is, on circles, so that midnight lies beside a minute to midnight. All UTC."""

import math

import polars as pl

_MINUTES_PER_DAY = 24 * 60


def time_of_day() -> tuple[pl.Expr, pl.Expr]:
    """Sine and cosine of the minute of the day."""
    minute = pl.col("time").dt.hour().cast(pl.Float64) * 60 + pl.col("time").dt.minute()
    return _circle(minute, _MINUTES_PER_DAY, "time_of_day")


def hour() -> tuple[pl.Expr, pl.Expr]:
    """Sine and cosine of the hour alone: nearly the time of day, but with a step that sessions have."""
    return _circle(pl.col("time").dt.hour(), 24, "hour")


def day_of_week() -> tuple[pl.Expr, pl.Expr]:
    """Sine and cosine of the day of the week, Monday at angle 0."""
    return _circle(pl.col("time").dt.weekday() - 1, 7, "day_of_week")


def _circle(value: pl.Expr, full: int, name: str) -> tuple[pl.Expr, pl.Expr]:
    angle = value.cast(pl.Float64) * (2.0 * math.pi / full)
    return angle.sin().alias(f"{name}_sin"), angle.cos().alias(f"{name}_cos")
