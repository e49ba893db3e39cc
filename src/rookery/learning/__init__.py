"""How a model improves."""
