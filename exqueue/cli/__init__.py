"""The command line. typer and rich are imported here and nowhere else."""
