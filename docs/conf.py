"""How the manual is built: `uv run nox -s docs`."""

project = "mizzen"
author = "The mizzen authors"
copyright = "2026, The mizzen authors"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "mizzen"
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "__weakref__"}
nb_execution_mode = "off"
myst_heading_anchors = 3
# The README of each component is a page of the manual; its links to siblings are for its readers.
# Two components may each have an `Event`; a page links to its own.
suppress_warnings = ["myst.xref_missing", "misc.highlighting_failure", "ref.python"]
