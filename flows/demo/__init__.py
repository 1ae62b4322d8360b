"""`make demo`: the whole line once, on image sets built from this machine's own files.

Embedded defaults throughout: throw-away keys, a directory store, an ephemeral Prefect. Nothing made
here is fit for production, and it says so.
"""
