"""The command line: a verb's options and help; the work is done in `bench/commands`."""
