"""Every fault at every request: the real code of clients, worker processes, runners and persons, on a real server, in one thread."""
