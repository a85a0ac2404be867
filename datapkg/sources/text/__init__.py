"""Text tables: .csv .tsv .txt, plain or gzipped."""
