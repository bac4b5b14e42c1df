"""What can go wrong while recording, as one family: the command line shows the text and no traceback."""


class RecordProblem(Exception):
    """Recording stopped; the text says at what and what to do."""


class MarkerMissing(RecordProblem, ValueError):
    """A document has no place for a table."""


class TourProblem(RecordProblem, ValueError):
    """A tour cannot be read or played; the text names tour, step and remedy."""


class NotServed(RecordProblem, RuntimeError):
    """The process ended, or did not answer in time; the text holds the end of its output."""
