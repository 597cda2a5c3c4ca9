"""Run jobs: a runner keeps worker processes alive and never runs user code; the worker processes do."""
