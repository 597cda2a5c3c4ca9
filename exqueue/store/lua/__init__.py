"""The Lua files: one step of a job's life each; those that begin with an underscore are shared parts."""
