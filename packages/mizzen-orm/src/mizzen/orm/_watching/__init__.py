"""Seeing what runs: observers, the query log, spans, N+1 reads, and the query cache."""
