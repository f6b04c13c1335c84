"""SCSS and TypeScript to fingerprinted, compressed files, without Node."""

__all__: list[str] = []
