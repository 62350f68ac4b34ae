"""What experiments can do, one file an action: to add one, write its file and its line in `ACTIONS`."""
