"""The whole state derived anew from public keys and what a mirror holds, and every break that shows. No I/O.

Nothing here stops at the first break: what can still be believed is walked on from, so that one altered
entry hides no other. Readers that decide something stop at once: see ``release.ledger.chain``.
"""
