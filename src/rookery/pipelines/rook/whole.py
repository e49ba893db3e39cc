"""The whole road in one run directory: swaps, features, labels, data set, training, backtest, report."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.agents.bundle import BUNDLE_FILES
from rookery.datasets.flat import Metadata
from rookery.datasets.normalization import Normalization
from rookery.datasets.scaling import fit_scalers
from rookery.datasets.sequences import Sequences, from_tables
from rookery.datasets.splits import Split, chronological
from rookery.evaluation import report as reports
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.record import Report
from rookery.features.conditions import conditions as conditions_of
from rookery.features.swaps import core_features
from rookery.files import read_json, write_json
from rookery.labels.rules import label
from rookery.pipelines.kernels import compile_kernels
from rookery.pipelines.rook import files
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.judging import judge, write_books
from rookery.pipelines.rook.panel import Lesson, label_mix
from rookery.pipelines.rook.reporting import Origin, build_report, fit_ranges, machine_block
from rookery.pipelines.rook.steps import SwapSource, price_unit, read_facts, read_swaps
from rookery.pipelines.rook.training import learn, training_section
from rookery.progress import Progress
from rookery.run import Run, Stage
from rookery.schema import Loaded, fingerprint
from rookery.tables import write_table
