import subprocess
import sys

import spacy
from cortex_internal.lib.log import logger

try:
    from cortex.lib.log import cx_logger
except ImportError:
    cx_logger = None


class PythonPredictor:
    def __init__(self, config):
        subprocess.run([sys.executable, "-m", "pip", "install", "tiny"], check=True)
        subprocess.call("python -m spacy download en".split(" "))
        spacy.cli.download("de")

    def predict(self, payload):
        """Nobody runs this pip install."""
        logger.info("pip install is a text here", extra={"payload": payload})
        return payload
