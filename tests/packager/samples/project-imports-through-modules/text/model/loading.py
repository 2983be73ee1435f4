from ..words import any
from ....beyond import any


def load():
    import sklearn
