"""Defences of others, and plain baselines, behind the interface of `spatialstats.defence.defence`."""
