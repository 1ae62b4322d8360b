"""humpyard's library: from an image set to a promoted release. It knows no orchestrator.

An image becomes a payload; signing makes it trusted; a bundle is everything one version ships;
a mirror holds releases; pages describe them; promotion moves a channel to one.
A stage imports only the stages before it (``ARCHITECTURE.md``; enforced by ``make lint``).
"""
