"""The command `symgrad`. The folder is `cli/`; it is installed as `symgrad_cli`."""
