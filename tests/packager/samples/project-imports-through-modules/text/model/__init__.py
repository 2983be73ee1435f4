import cortex
