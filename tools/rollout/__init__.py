"""Eight days of a rollout over many machines, simulated with the very functions that decide."""
