"""An agent meets a venue."""
