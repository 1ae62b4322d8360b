"""The line: the ordered, repeatable steps of each job, run alike by the CLI and by flows."""
