"""The update server: signed channel documents in memory, an ASGI application, and how it is run."""
