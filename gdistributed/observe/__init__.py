"""TELLS people what happened: records, reports, profiles, and how they look."""
