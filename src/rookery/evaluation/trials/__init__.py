"""Everything that was ever tried in a workspace: an append-only record, and what it does to a result's worth."""

from rookery.evaluation.trials.ledger import LEDGER, Recorded, Trial, TrialLedger, ledger_of

__all__ = ["LEDGER", "Recorded", "Trial", "TrialLedger", "ledger_of"]
