"""`make site-check`: measures a whole site, as it lies on disk, against its budgets."""
