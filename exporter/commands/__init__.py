"""The commands of the command line, one module each: its help, its exit codes, its flags, and what it does."""
