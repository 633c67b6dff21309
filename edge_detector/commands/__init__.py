"""The small sub-commands of ``edge-detector``: ``add_arguments(parser)`` and ``main(arguments) -> exit code`` each."""
