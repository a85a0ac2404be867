"""Compute what a manifest derives: columns beside the rows of tables, and tables of their own."""
