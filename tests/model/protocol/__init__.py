"""The protocol of worker processes, runners and a queue, as a model that can be explored exhaustively."""
