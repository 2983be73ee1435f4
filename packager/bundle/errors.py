"""What keeps a zip from being made, in the words of the person who can fix it."""


class BundleError(Exception):
    """One sentence, or several lines when it is a table."""
