"""The same work by datapkg and by what people use instead, in one run: see `benchmarks.run`."""
