"""The Nebraska publisher: tells a Nebraska what our channels offer, by REST, and checks what it then says.

Nebraska holds one package for each version and architecture, so it can only offer full payloads. Sources:
flatcar/nebraska, ``backend/api/spec.yaml`` and ``backend/pkg`` as of 2026-08; see ``docs/nebraska.md``.
"""
