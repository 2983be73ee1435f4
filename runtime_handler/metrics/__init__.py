"""Metric values as EMF lines, and the monitoring of predictions."""
