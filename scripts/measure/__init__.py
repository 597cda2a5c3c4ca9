"""What scripts/bench.py is made of: systems, the server, workloads, and what they come to."""
