"""The tasks, one file each, found by name: a file `tNN_name.py` holds its task as `TASK`."""
