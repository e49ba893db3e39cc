"""How much of a trader's decisions can be foretold: baselines, scores by market, ceiling, gates, what matters."""
