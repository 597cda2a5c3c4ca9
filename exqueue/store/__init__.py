"""The only package that knows Redis: keys, Lua steps, connections, reads, the embedded server."""
