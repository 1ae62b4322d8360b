"""A release: everything one version ships, its one document, and what anybody can check about it."""
