"""The one exception that means "the user can fix this"."""


class InputError(ValueError):
    """Bad input of any kind (file, rate, device, checkpoint, recipe), told in one line that names the fix.

    The command line prints it on stderr and exits with code 2; library callers may catch it as ValueError.
    """
