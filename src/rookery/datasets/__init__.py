"""Labelled tables in, batches out: splits, scaling, windows."""
