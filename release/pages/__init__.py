"""Pages, feeds and data files of a release site, rendered from values alone."""
