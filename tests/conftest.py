"""Tests compile into a cache folder of their own; with `-n` each worker has one, since each runs this module."""

from __future__ import annotations

import os
import tempfile

_folder = tempfile.TemporaryDirectory(prefix="symgrad-tests-")
os.environ["SYMGRAD_CACHE_DIR"] = _folder.name
