"""MiniFASNet as PyTorch modules with random weights: what the layers are compared with, and files to pull."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import torch
from torch import nn

from faceunlock.pipeline.models.registry import MINIFASNET, Download, PublishedFile

V2 = ((13, 13, 13, 13), (231, 52, 26, 77, 26, 26), (26, 26))
V1SE = ((13, 26, 13, 52), (154, 52, 26, 52, 26, 26), (26, 26))
FILES = {"v2": "2.7_80x80_MiniFASNetV2.pth", "v1se": "4_0_0_80x80_MiniFASNetV1SE.pth"}


class Block(nn.Module):
    """A convolution, a batch normalisation and perhaps a PReLU."""

    def __init__(self, inputs, outputs, side=1, stride=1, padding=0, groups=1, prelu=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, side, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        if prelu:
            self.prelu = nn.PReLU(outputs)

    def forward(self, x):
        x = self.bn(self.conv(x))
        return self.prelu(x) if hasattr(self, "prelu") else x


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        few = torch.relu(self.bn1(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(self.bn2(self.fc2(few)))


class Bottleneck(nn.Module):
    def __init__(self, inputs, inner, outputs, stride, *, attention=False):
        super().__init__()
        self.conv = Block(inputs, inner)
        self.conv_dw = Block(inner, inner, 3, stride, 1, groups=inner)
        self.project = Block(inner, outputs, prelu=False)
        if attention:
            self.se_module = Attention(outputs)
        self.shortcut = stride == 1

    def forward(self, x):
        inside = self.project(self.conv_dw(self.conv(x)))
        inside = self.se_module(inside) if hasattr(self, "se_module") else inside
        return x + inside if self.shortcut else inside


class Group(nn.Module):
    def __init__(self, channels, widths, *, attention):
        super().__init__()
        last = len(widths) - 1
        self.model = nn.Sequential(
            *(
                Bottleneck(channels, width, channels, 1, attention=attention and number == last)
                for number, width in enumerate(widths)
            )
        )

    def forward(self, x):
        return self.model(x)


class MiniFASNet(nn.Module):
    """One network; its probabilities of three classes."""

    def __init__(self, widths, *, attention):
        super().__init__()
        self.conv1 = Block(3, 32, 3, 2, 1)
        self.conv2_dw = Block(32, 32, 3, 1, 1, groups=32)
        self.conv_23 = Bottleneck(32, 103, 64, 2)
        self.conv_3 = Group(64, widths[0], attention=attention)
        self.conv_34 = Bottleneck(64, 231, 128, 2)
        self.conv_4 = Group(128, widths[1], attention=attention)
        self.conv_45 = Bottleneck(128, 308, 128, 2)
        self.conv_5 = Group(128, widths[2], attention=attention)
        self.conv_6_sep = Block(128, 512)
        self.conv_6_dw = Block(512, 512, 5, groups=512, prelu=False)
        self.linear = nn.Linear(512, 128, bias=False)
        self.bn = nn.BatchNorm1d(128)
        self.prob = nn.Linear(128, 3, bias=False)

    def forward(self, x):
        x = self.conv2_dw(self.conv1(x))
        x = self.conv_3(self.conv_23(x))
        x = self.conv_4(self.conv_34(x))
        x = self.conv_5(self.conv_45(x))
        x = self.conv_6_dw(self.conv_6_sep(x)).flatten(1)
        return self.prob(self.bn(self.linear(x))).softmax(1)


def made_networks(seed=0):
    """Return both networks with random weights and statistics, by name."""
    torch.manual_seed(seed)
    networks = {"v2": MiniFASNet(V2, attention=False), "v1se": MiniFASNet(V1SE, attention=True)}
    for network in networks.values():
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, std=0.3)
                part.running_mean.normal_(std=0.3)
                part.running_var.uniform_(0.5, 1.5)
        network.eval()
    return networks


def published(networks):
    """Return the content of the files as their authors would publish them."""
    files = {}
    for name, network in networks.items():
        stream = io.BytesIO()
        torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, stream)
        files[FILES[name]] = stream.getvalue()
    return files


def described(files):
    """Return MiniFASNet's description with the sizes and checksums of these files."""
    given = tuple(
        PublishedFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
    )
    return replace(
        MINIFASNET,
        weights=Download(MINIFASNET.weights.base, given),
        size_bytes=sum(map(len, files.values())),
        sha256=hashlib.sha256(b"".join(files.values())).hexdigest(),
    )
