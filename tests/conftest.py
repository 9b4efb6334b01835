"""Tests compile into a cache folder of their own."""

from __future__ import annotations

import os
import tempfile

_folder = tempfile.TemporaryDirectory(prefix="symgrad-tests-")
os.environ["SYMGRAD_CACHE_DIR"] = _folder.name
