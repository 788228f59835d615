"""Pictures: decode uploads safely, enhance their contrast, change depth, size and file format."""

from engine.imaging.convert import encode_jpeg, encode_png, resize, to_uint8
from engine.imaging.decode import load_file, load_image
from engine.imaging.enhance import enhance, local_contrast
from engine.imaging.facts import PictureFacts, describe, load_described
from engine.imaging.limits import LOCAL, MAX_BYTES, MAX_PIXELS, PUBLIC, Budget, ImageError

__all__ = [
    "LOCAL",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PUBLIC",
    "Budget",
    "ImageError",
    "PictureFacts",
    "describe",
    "encode_jpeg",
    "encode_png",
    "enhance",
    "load_described",
    "load_file",
    "load_image",
    "local_contrast",
    "resize",
    "to_uint8",
]
