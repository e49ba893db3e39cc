"""Rookery raises trading agents that can be believed."""

__version__ = "0.1.0"
