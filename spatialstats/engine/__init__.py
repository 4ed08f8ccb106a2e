"""Stages, chunks, the run directory and the local executor."""
