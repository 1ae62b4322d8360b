"""The gate: policy, requests, sign-offs, evidence, and the pure decision whether a channel may move."""
