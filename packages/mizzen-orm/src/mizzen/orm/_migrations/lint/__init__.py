"""The lint: what a migration would do to a database in use, and how to do it safely.

One file for each family of rules; a rule is a function that is asked about one operation, or about
one step, and answers with what would happen.
"""
