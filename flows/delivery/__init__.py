"""The release of the demo, delivered for real: `make delivery`.

Mirrors on an S3 server and behind nginx, update servers behind a balancer, and a machine that updates itself.
"""
