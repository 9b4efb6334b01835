"""Reports: a frozen verification result, written for people and for machines."""

from symgrad.report.certificate import certificate, certificates
from symgrad.report.comparison import contradictions, differences, same_points
from symgrad.report.html import page
from symgrad.report.junit import junit
from symgrad.report.outline import headline
from symgrad.report.reading import Certificate, TamperedError, read_all
from symgrad.report.terminal import plain, rich_report

__all__ = [
    "Certificate",
    "TamperedError",
    "certificate",
    "certificates",
    "contradictions",
    "differences",
    "headline",
    "junit",
    "page",
    "plain",
    "read_all",
    "rich_report",
    "same_points",
]
