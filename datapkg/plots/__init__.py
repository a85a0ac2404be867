"""Pictures that say more than a table, drawn by matplotlib, which is an extra: ``lance-datapkg[matplotlib]``."""
