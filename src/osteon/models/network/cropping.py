"""From a picture's values and a box to a network's crops, as one ONNX graph: what ``model.json`` says in words."""

from __future__ import annotations

from collections.abc import Sequence

from osteon.core.version import __version__
from osteon.study import Crop

#: Weight of each of a picture's pixels along one axis in each pixel of the crop.
_AXIS = """
<domain: "osteon", opset_import: ["" : 18]>
axis (start, side, length, size) => (weights) {
  none = Constant <value = double {0.0}> ()
  one = Constant <value = double {1.0}> ()
  half = Constant <value = double {0.5}> ()
  hair = Constant <value = double {0.000001}> ()
  first = Constant <value_ints = [0]> ()
  second = Constant <value_ints = [1]> ()
  pitch = Div (side, size)
  fewest = Sub (pitch, hair)
  ceiling = Ceil (fewest)
  steps = Max (ceiling, one)
  count = Mul (size, steps)
  k = Range (none, count, one)
  middle = Add (k, half)
  far = Mul (middle, side)
  along = Div (far, count)
  moved = Add (start, along)
  at = Sub (moved, half)
  edge = Neg (one)
  early = Less (at, edge)
  late = Greater (at, length)
  beyond = Or (early, late)
  inside = Not (beyond)
  counted = Cast <to = 11> (inside)
  last = Sub (length, one)
  near = Clip (at, none, last)
  pixels = Range (none, length, one)
  column = Unsqueeze (near, second)
  apart = Sub (column, pixels)
  distance = Abs (apart)
  share = Sub (one, distance)
  least = Max (share, none)
  held = Unsqueeze (counted, second)
  taken = Mul (least, held)
  others = Constant <value_ints = [-1]> ()
  size_at = Cast <to = 7> (size)
  size_1 = Unsqueeze (size_at, first)
  length_at = Cast <to = 7> (length)
  length_1 = Unsqueeze (length_at, first)
  parts = Concat <axis = 0> (size_1, others, length_1)
  grouped = Reshape (taken, parts)
  weights = ReduceMean <keepdims = 0> (grouped, second)
}
"""

#: Values to [0, 1]: 8 bits as they are, deeper ones between percentiles of every k-th row and column.
_GREY = """
  none = Constant <value = double {{0.0}}> ()
  one = Constant <value = double {{1.0}}> ()
  two = Constant <value = double {{2.0}}> ()
  most = Constant <value = double {{255.0}}> ()
  levels = Constant <value = double {{65535.0}}> ()
  size = Constant <value = double {{{size}.0}}> ()
  widened = Constant <value = double {{{widened!r}}}> ()
  shares = Constant <value = double[2] {{{low!r}, {high!r}}}> ()
  flat = Constant <value_ints = [-1]> ()
  first = Constant <value_ints = [0]> ()
  second = Constant <value_ints = [1]> ()
  third = Constant <value_ints = [2]> ()
  fourth = Constant <value_ints = [4]> ()
  both = Constant <value_ints = [0, 1]> ()
  origin = Constant <value_ints = [0, 0]> ()
  few = Constant <value_ints = [512]> ()
  shape = Shape (values)
  shortest = ReduceMin (shape)
  times = Div (shortest, few)
  stride = Max (times, second)
  strides = Concat <axis = 0> (stride, stride)
  sparse = Slice (values, origin, shape, both, strides)
  line = Reshape (sparse, flat)
  length = Size (line)
  length1 = Unsqueeze (length, first)
  sorted, _ = TopK <axis = 0, largest = 0> (line, length1)
  lengths = Cast <to = 11> (length)
  lastly = Sub (lengths, one)
  places = Mul (shares, lastly)
  floors = Floor (places)
  ceilings = Ceil (places)
  floor_at = Cast <to = 7> (floors)
  ceiling_at = Cast <to = 7> (ceilings)
  under = Gather (sorted, floor_at)
  over = Gather (sorted, ceiling_at)
  gap = Sub (over, under)
  rest = Sub (places, floors)
  more = Mul (gap, rest)
  points = Add (under, more)
  black_point = Slice (points, first, second)
  white_point = Slice (points, second, third)
  darkest = ReduceMin (values)
  brightest = ReduceMax (values)
  dark = Reshape (darkest, flat)
  bright = Reshape (brightest, flat)
  brighter = Add (dark, one)
  white_most = Max (bright, brighter)
  spread = Less (black_point, white_point)
  black_deep = Where (spread, black_point, dark)
  white_deep = Where (spread, white_point, white_most)
  black = Where (deep, black_deep, none)
  white = Where (deep, white_deep, most)
  above = Sub (values, black)
  range = Sub (white, black)
  ratio = Div (above, range)
  grey = Clip (ratio, none, one)
  sizes = Cast <to = 11> (shape)
  height_1 = Slice (sizes, first, second)
  width_1 = Slice (sizes, second, third)
  height = Squeeze (height_1, first)
  width = Squeeze (width_1, first)
  low = Slice (box, first, third)
  high = Slice (box, third, fourth)
  extent = Sub (high, low)
  centre_sum = Add (low, high)
  centre = Div (centre_sum, two)
"""

#: The crop of the box under one of its changes.
_CHANGED = """
  shift_{k} = Constant <value = double[2] {{{dx!r}, {dy!r}}}> ()
  scale_{k} = Constant <value = double[2] {{{sx!r}, {sy!r}}}> ()
  move_{k} = Mul (shift_{k}, extent)
  centre_{k} = Add (centre, move_{k})
  box_{k} = Mul (scale_{k}, extent)
  wide_{k} = Mul (box_{k}, widened)
  longest_{k} = ReduceMax (wide_{k})
  sides_{k} = {sides}
  reach_{k} = Div (sides_{k}, two)
  start_{k} = Sub (centre_{k}, reach_{k})
  left1_{k} = Slice (start_{k}, first, second)
  left_{k} = Squeeze (left1_{k}, first)
  top1_{k} = Slice (start_{k}, second, third)
  top_{k} = Squeeze (top1_{k}, first)
  across1_{k} = Slice (sides_{k}, first, second)
  across_{k} = Squeeze (across1_{k}, first)
  down1_{k} = Slice (sides_{k}, second, third)
  down_{k} = Squeeze (down1_{k}, first)
  columns_{k} = osteon.axis (left_{k}, across_{k}, width, size)
  rows_{k} = osteon.axis (top_{k}, down_{k}, height, size)
  turned_{k} = Transpose <perm = [1, 0]> (columns_{k})
  reduced_{k} = MatMul (rows_{k}, grey)
  seen_{k} = MatMul (reduced_{k}, turned_{k})
  limited_{k} = Clip (seen_{k}, none, one)
  steps_{k} = Mul (limited_{k}, levels)
  rounded_{k} = Round (steps_{k})
  stored_{k} = Div (rounded_{k}, levels)
  single_{k} = Cast <to = 1> (stored_{k})
  crop_{k} = Unsqueeze (single_{k}, both)
"""


def graph(crop: Crop, size: int, percentiles: tuple[float, float], changes: Sequence[Sequence[float]]) -> bytes:
    """The graph, from ``values`` (H, W), ``deep`` (more than 8 bits) and ``box`` to ``crop`` (n, 1, S, S).

    Args:
        crop: How boxes become crops.
        size: Side S of a crop.
        percentiles: Between which deep values lie.
        changes: dx, dy, sx, sy of each of the n boxes that a probability is the mean over.
    """
    from onnx import parser

    sides = "Expand (longest_{k}, third)" if crop.square else "Identity (wide_{k})"
    low, high = (share / 100 for share in percentiles)
    body = [_GREY.format(size=size, widened=1 + 2 * crop.margin, low=low, high=high)]
    for k, change in enumerate(changes):
        dx, dy, sx, sy = map(float, change)
        body.append(_CHANGED.format(k=k, dx=dx, dy=dy, sx=sx, sy=sy, sides=sides.format(k=k)))
    every = ", ".join(f"crop_{k}" for k in range(len(changes)))
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 18, "osteon" : 1]>\n'
        f"crops (double[H, W] values, bool deep, double[4] box) => (float[{len(changes)}, 1, {size}, {size}] crop) {{"
        f"{''.join(body)}  crop = Concat <axis = 0> ({every})\n}}\n{_AXIS}"
    )
    model.producer_name, model.producer_version = "osteon", __version__
    content: bytes = model.SerializeToString(deterministic=True)
    return content
