"""Long trials of what the tests try in small. ``python -m tests.campaigns NAME [COUNT]`` runs one in full."""
