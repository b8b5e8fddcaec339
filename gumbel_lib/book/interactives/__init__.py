"""Interactive figures, a module a chapter."""
