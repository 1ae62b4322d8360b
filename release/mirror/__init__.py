"""Mirror: stores that hold releases, and how bytes and pointers get onto them.

``store`` says what a store can do, ``directory``, ``s3`` and ``http`` do it, ``plan`` and ``sync``
publish, ``pointers`` moves a channel.
"""
