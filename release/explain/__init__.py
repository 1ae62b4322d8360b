"""Where the bytes of a delta come from: fates of blocks, the files they belong to, what would shrink it.

Reads images and a finished payload; knows no engine, only the manifest. Never mounts, never writes.
"""
