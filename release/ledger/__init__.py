"""The append-only record of everything decided and done: entries, their chain, and the state they fold to."""
