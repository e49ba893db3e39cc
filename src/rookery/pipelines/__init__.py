"""The five roads from market records to an agent, each a short composition."""
