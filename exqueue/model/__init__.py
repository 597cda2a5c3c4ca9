"""Values and rules: no Redis, no processes, no clock of its own. Everything above may import this; it imports nothing of ours."""
