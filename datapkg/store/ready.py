"""Have the storage engine loaded before there is anything to store."""


def load_engine() -> None:
    """Load what writing rows needs; it takes some tenths of a second the first time."""
    import lance.fragment  # noqa: F401 - to have it loaded
