"""Why there is no policy, in a few words for the operator."""


class RefusedError(Exception):
    """No policy is to be had here; says why."""


class InvalidError(Exception):
    """What the web server gives is no policy; says why."""
