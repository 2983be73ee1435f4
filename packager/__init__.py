"""The `cxpack` command: a Cortex project in, build contexts and a manifest out."""
