"""``python -m stylize_video``: the command, where no script is on the path."""

from importlib import import_module

if __name__ == "__main__":  # a process that Windows starts for a stream reads this file too
    # Not a relative import: the file is installed as stylize_video/__main__.py.
    import_module("stylize_video.cli.main").main()
