"""Image files: one kind of resource over many formats, told apart by their first bytes."""
