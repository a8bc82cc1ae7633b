"""Shows a run that is over: answers what people ask of a scheduler from its event log."""
