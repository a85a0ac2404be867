"""Questions over all tables of a version, in SQL; and the images that a table's keys lead to."""
