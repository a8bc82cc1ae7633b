"""TELLS people what happened: records, reports, profiles and traces, and how they look."""
