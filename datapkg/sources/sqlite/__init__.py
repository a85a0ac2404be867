"""SQLite databases as sources: tables, and columns of encoded images."""
