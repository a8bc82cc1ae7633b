"""The command `gd`: one file a command. Heavy imports stay inside the commands, so that `gd --help`
is quick. Only here are environment variables and files read, and only here is logging set up."""
