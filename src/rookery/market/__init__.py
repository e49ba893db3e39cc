"""What acting costs and yields."""

from gymnasium.envs.registration import register

# Strings, so that naming the environment imports no kernel; gymnasium.make("rookery.market:rookery/Bars-v0") finds it.
register(
    id="rookery/Bars-v0",
    entry_point="rookery.market.env:BarsEnv",
    vector_entry_point="rookery.market.vector_env:BarsVectorEnv",
)
