"""Copy packages: whole ones, single versions, or chosen rows, between folders, buckets and the web."""
