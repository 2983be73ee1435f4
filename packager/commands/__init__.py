"""The commands of `cxpack`, one module each: `configure` its arguments, `run` it."""
