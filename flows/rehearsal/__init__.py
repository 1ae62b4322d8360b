"""`make rehearsal`: one release through all channels, by five people in two roles, and what goes wrong.

Real commands, real signatures, a real S3 server; small images, throw-away keys, and a clock that is moved
on instead of waited for.
"""
