"""Kinds of fields: what a marker in an annotation makes of a column."""
