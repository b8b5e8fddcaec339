"""The first page: its interactive."""
