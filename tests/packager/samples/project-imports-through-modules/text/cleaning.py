import nltk

from . import words
