"""Inception-v3 up to its last feature map, in every variant that pretrained weights come in.

Attention: importing this module imports torchvision.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.models import inception as torchvision


class _InceptionA(torchvision.InceptionA):  # type: ignore[misc]
    """The 35 x 35 block with its pool exchanged."""

    def __init__(self, channels: int, pooled: int, pool: nn.Module):
        super().__init__(channels, pooled)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        five = self.branch5x5_2(self.branch5x5_1(x))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(self.pool(x))], 1)


class _InceptionC(torchvision.InceptionC):  # type: ignore[misc]
    """The 17 x 17 block with its pool exchanged."""

    def __init__(self, channels: int, inner: int, pool: nn.Module):
        super().__init__(channels, inner)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(self.pool(x))], 1)


class _InceptionE(torchvision.InceptionE):  # type: ignore[misc]
    """The 8 x 8 block with its pool exchanged."""

    def __init__(self, channels: int, pool: nn.Module):
        super().__init__(channels)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [
            self.branch1x1(x),
            *(self.branch3x3_2a(three), self.branch3x3_2b(three)),
            *(self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)),
            self.branch_pool(self.pool(x)),
        ]
        return torch.cat(parts, 1)


def inception(variant: str) -> nn.Sequential:
    """Inception-v3 up to its last feature map, with torchvision's names, in the variant's pooling.

    torchvision's average pools count the zero padding; TensorFlow's do not; and Google's graph of 2015 takes a maximum
    in the last block.
    """
    conv = torchvision.BasicConv2d

    def average() -> nn.Module:
        return nn.AvgPool2d(3, 1, 1, count_include_pad=variant == "torchvision")

    last = nn.MaxPool2d(3, 1, 1) if variant == "google-2015" else average()
    body = nn.Sequential(
        OrderedDict[str, nn.Module](
            Conv2d_1a_3x3=conv(3, 32, kernel_size=3, stride=2),
            Conv2d_2a_3x3=conv(32, 32, kernel_size=3),
            Conv2d_2b_3x3=conv(32, 64, kernel_size=3, padding=1),
            maxpool1=nn.MaxPool2d(3, 2),
            Conv2d_3b_1x1=conv(64, 80, kernel_size=1),
            Conv2d_4a_3x3=conv(80, 192, kernel_size=3),
            maxpool2=nn.MaxPool2d(3, 2),
            Mixed_5b=_InceptionA(192, 32, average()),
            Mixed_5c=_InceptionA(256, 64, average()),
            Mixed_5d=_InceptionA(288, 64, average()),
            Mixed_6a=torchvision.InceptionB(288),
            Mixed_6b=_InceptionC(768, 128, average()),
            Mixed_6c=_InceptionC(768, 160, average()),
            Mixed_6d=_InceptionC(768, 160, average()),
            Mixed_6e=_InceptionC(768, 192, average()),
            Mixed_7a=torchvision.InceptionD(768),
            Mixed_7b=_InceptionE(1280, average()),
            Mixed_7c=_InceptionE(2048, last),
        )
    )
    for module in body.modules():
        if isinstance(module, nn.Conv2d):  # torch's default is too small for this depth
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return body
