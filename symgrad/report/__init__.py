"""Reports: a frozen verification result, written for people and for machines."""

from symgrad.report.html import page
from symgrad.report.outline import headline
from symgrad.report.terminal import plain, rich_report

__all__ = ["headline", "page", "plain", "rich_report"]
