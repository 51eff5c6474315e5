"""What can go wrong with the local cluster, said so that a person knows what to do next."""


class LocalClusterError(Exception):
    """The local cluster cannot do what was asked; the message says why and what helps."""


class NotOurClusterError(LocalClusterError):
    """A node of a cluster that was not made here was to be powered off, frozen or cut."""
