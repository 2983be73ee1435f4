import nltk
import text.cleaning
