"""Observations in, orders out."""
