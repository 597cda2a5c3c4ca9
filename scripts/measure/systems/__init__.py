"""One module a system: its `Client`, what it runs as a job, and, for those written here, its worker process."""
