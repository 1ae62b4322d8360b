"""Telling machines, and the servers that tell them: the Omaha endpoint and the Nebraska publisher."""
