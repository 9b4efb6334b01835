"""Reports: a frozen verification result, written for people and for machines."""

from symgrad.report.terminal import plain, rich_report

__all__ = ["plain", "rich_report"]
