"""Benchmarks: tasks beside peers (`python -m benchmarks`), and scripts behind figures quoted elsewhere."""
