"""Makes fid_inception.json: what pytorch-fid computes with Google's Inception-v3 weights of 2015.

    pip install pytorch-fid==0.3.0 torch torchvision safetensors pillow
    python tests/references/make_fid_inception.py WEIGHTS.safetensors PICTURE.png

WEIGHTS is inception_v3-imagenet-google-2015.safetensors, PICTURE a grey picture (here BTXRD's IMG000001 at 256 pixels).
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pytorch_fid import inception
from safetensors.torch import load_file

weights, picture = map(Path, sys.argv[1:])
network = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
# As pytorch_fid.inception.fid_inception_v3 does, which would also download the weights
network.Mixed_5b = inception.FIDInceptionA(192, pool_features=32)
network.Mixed_5c = inception.FIDInceptionA(256, pool_features=64)
network.Mixed_5d = inception.FIDInceptionA(288, pool_features=64)
network.Mixed_6b = inception.FIDInceptionC(768, channels_7x7=128)
network.Mixed_6c = inception.FIDInceptionC(768, channels_7x7=160)
network.Mixed_6d = inception.FIDInceptionC(768, channels_7x7=160)
network.Mixed_6e = inception.FIDInceptionC(768, channels_7x7=192)
network.Mixed_7b = inception.FIDInceptionE_1(1280)
network.Mixed_7c = inception.FIDInceptionE_2(2048)
state = {key: value.float() for key, value in load_file(weights).items()}
missing = network.load_state_dict(state, strict=False).missing_keys
assert all(key.endswith("num_batches_tracked") or key.startswith("fc.") for key in missing)
network.fc = torch.nn.Identity()
grey = torch.from_numpy(np.asarray(Image.open(picture).convert("L"), dtype=np.float32) / 255)
with torch.no_grad():
    features = network.eval()(2 * grey.expand(1, 3, *grey.shape) - 1)[0, ::16]
out = {"picture": picture.name, "features": [round(float(value), 6) for value in features]}
Path(__file__).with_name("fid_inception.json").write_text(json.dumps(out) + "\n")
