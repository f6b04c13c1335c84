"""Where the tables and lines of a diagram go: layers, places, routes; plain Python, no graphviz."""
