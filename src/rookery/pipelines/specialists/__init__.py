"""Three specialists and a meta-controller that learn in three phases and become one agent."""
