"""The exit statuses of the command."""

PASSED = 0
FAILED = 1
BAD_INPUT = 2
INCONCLUSIVE = 3
BUG = 70
INTERRUPTED = 130
