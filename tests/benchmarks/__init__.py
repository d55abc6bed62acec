"""How fast and how big: everything is measured side by side in one run, and the last table is kept in docs/benchmarks.md."""
