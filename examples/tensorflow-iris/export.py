"""Trains a softmax regression on scikit-learn's own copy of the iris data and saves it as a SavedModel in models/iris."""

import os
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # five numbers a flower need no GPU

import tensorflow as tf
from sklearn.datasets import load_iris

MODEL = Path(__file__).parent / "models" / "iris"
STEPS = 2000
LEARNING_RATE = 0.1


class Iris(tf.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.weights = tf.Variable(tf.zeros([features, classes]))
        self.bias = tf.Variable(tf.zeros([classes]))

    def logits(self, measurements):
        return measurements @ self.weights + self.bias

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="measurements")])
    def classify(self, measurements):
        logits = self.logits(measurements)
        return {"class_id": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}


@tf.function
def train(model, measurements, class_ids):
    for _ in tf.range(STEPS):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(class_ids, model.logits(measurements)))
        gradients = tape.gradient(loss, [model.weights, model.bias])
        model.weights.assign_sub(LEARNING_RATE * gradients[0])
        model.bias.assign_sub(LEARNING_RATE * gradients[1])


iris = load_iris()
model = Iris(features=len(iris.feature_names), classes=len(iris.target_names))
train(model, tf.constant(iris.data, tf.float32), tf.constant(iris.target))
tf.saved_model.save(model, str(MODEL), signatures=model.classify)
(MODEL / "fingerprint.pb").unlink()  # optional, and holds a random id: without it every export has the same bytes
