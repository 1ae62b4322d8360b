"""Thin Prefect flows, one file per deployment in `prefect.yaml`."""
