"""One module for each command of `mizzen`: `run(arguments)` returns the exit status."""
