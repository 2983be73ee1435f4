try:
    from . import extras
except ImportError:
    extras = None
