"""CellH5 movies; only here is HDF5 known."""
