"""`make site`: a whole site from real data, into ``build/site``.

A yard with throw-away keys makes a few releases of its own, from small images of this machine's files and
real changelog fragments, on top of a history of releases in Flatcar's form, and lets everything befall
them that pages tell of: a rollout, a pause, a withdrawal, a correction, known issues.
"""
