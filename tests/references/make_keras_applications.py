"""Makes keras_applications.json: what Keras itself names its variables and computes with given weights.

    pip install keras==3.15.1 torch h5py numpy
    KERAS_BACKEND=torch PYTHONPATH=tests python tests/references/make_keras_applications.py

Every network gets the weights of ``synthetic_weights`` and a grey picture of 96 pixels under two input conventions:
``caffe / 255`` (Keras's ``preprocess_input`` with mode "caffe", then / 255, as RadImageNet's Keras scripts), and
``tf`` (mode "tf": [-1, 1]; channels are equal, so BGR is RGB).
"""

import json
import re
from pathlib import Path

import keras
import numpy as np
from keras.applications.imagenet_utils import preprocess_input

from synthetic_weights import picture, values

NETWORKS = {"resnet50": "ResNet50", "inception_v3": "InceptionV3", "densenet121": "DenseNet121"}


def main() -> None:
    pixels = np.repeat(picture(96)[None, :, :, None], 3, axis=3) * 255
    inputs = {
        "caffe / 255": preprocess_input(pixels.copy(), mode="caffe") / 255,
        "tf": preprocess_input(pixels, mode="tf"),
    }
    reference = {}
    for name, title in NETWORKS.items():
        network = getattr(keras.applications, title)(weights=None, include_top=False, pooling="avg")
        variables = []
        for layer in network.layers:
            # InceptionV3's layers only have running numbers, which differ between sessions
            counted = re.fullmatch(r"(conv2d|batch_normalization)(?:_(\d+))?", layer.name)
            key = f"{counted[1]}_{int(counted[2] or 0)}" if counted else layer.name
            if counted:
                same = [
                    int(n[2] or 0)
                    for n in (re.fullmatch(rf"({counted[1]})(?:_(\d+))?", one.name) for one in network.layers)
                    if n
                ]
                key = f"{counted[1]}_{int(counted[2] or 0) - min(same)}"
            for variable in layer.weights:
                variable.assign(values(key, variable.name, variable.shape))
                variables.append([key, variable.name, list(variable.shape)])
        features = {
            convention: [
                round(float(v), 6) for v in np.asarray(keras.ops.convert_to_numpy(network(x, training=False)))[0, ::32]
            ]
            for convention, x in inputs.items()
        }
        reference[name] = {"keras": keras.__version__, "variables": variables, "features": features}
    text = json.dumps(reference)
    Path(__file__).with_name("keras_applications.json").write_text(re.sub(r"(\]\], |\], \[)", r"\1\n", text) + "\n")


main()
