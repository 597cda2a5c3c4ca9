"""Enqueue jobs and look after them. Starts no process, and never unpickles."""
