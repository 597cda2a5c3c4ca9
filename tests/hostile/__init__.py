"""Whoever can write to Redis writes anything: nothing is run, nobody dies, no neighbour is lost, nothing raw is shown."""
