"""``encrypt`` and ``decrypt``: seal one picture, open it again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.console import check_target, note, read_key, read_picture_key, write_whole
from engine.encryption.schemes import CONTAINER_SCHEMES, SCHEMES
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.encryption import Content

KINDS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".dcm", ".dicom", ".dic", ".ima"), "DICOM"),
    ".png": "PNG",
}
"""What a file's name says that it is."""


def add_parser(commands: Any) -> None:
    """Add ``encrypt`` and ``decrypt`` to the commands."""
    sealing = commands.add_parser("encrypt", help="seal a picture", description="Seal a PNG, JPEG or DICOM picture.")
    sealing.add_argument("source", metavar="IN", type=Path, help="the picture")
    sealing.add_argument("target", metavar="OUT", type=Path, help="the sealed file to write")
    sealing.add_argument(
        "--scheme", choices=CONTAINER_SCHEMES, default="frequency", help="cipher (default: %(default)s)"
    )
    sealing.add_argument("--key-file", type=Path, required=True, help="32-byte key; made if it does not exist")
    sealing.add_argument(
        "--deidentify", action="store_true", help="seal a DICOM file without what names the patient (extra clinic)"
    )
    sealing.set_defaults(run=encrypt)
    opening = commands.add_parser("decrypt", help="open a sealed picture", description="Open a sealed file.")
    opening.add_argument("source", metavar="IN", type=Path, help="the sealed file")
    opening.add_argument(
        "target", metavar="OUT", type=Path, help="what to write: the file as it was sealed, or a PNG of its pixels"
    )
    opening.add_argument("--key-file", type=Path, required=True, help="the key it was sealed with")
    opening.add_argument(
        "--image-key", action="store_true", help="the key file holds the key of this one picture, not the master key"
    )
    opening.set_defaults(run=decrypt)
    for command in (sealing, opening):
        command.add_argument("--force", action="store_true", help="replace OUT if it exists")


def encrypt(options: argparse.Namespace) -> None:
    """Seal one picture."""
    from engine.clinic import read_header
    from engine.imaging import load_image
    from engine.imaging.decode import read_file

    check_target(options.target, options.key_file, options.source, force=options.force)  # before a key is made
    data = read_file(options.source)
    image = load_image(data)
    if concern := read_header(data).concern:
        note(f"look at {options.source}: {concern}")
    if options.deidentify:
        data = _cleared(data, options.scheme)
    cipher = SCHEMES[options.scheme].container_cipher(read_key(options.key_file, create=True))
    sealed = cipher.encrypt_file(data) if cipher.seals_files else cipher.encrypt(image)
    write_whole(options.target, sealed, options.key_file, force=options.force)
    note(f"{options.target}: {image.shape[1]}x{image.shape[0]} {image.dtype}, {len(sealed)} bytes")


def _cleared(data: bytes, scheme: str) -> bytes:
    from engine.clinic.deidentify import deidentified
    from engine.encryption import generate_key

    # Asked of a key that seals nothing: the person's own is not made for a refused run.
    if not SCHEMES[scheme].container_cipher(generate_key()).seals_files:
        raise VaultError(
            "This scheme seals pixels alone, which name nobody: leave --deidentify out, or say --scheme aes."
        )
    return deidentified(data)


def decrypt(options: argparse.Namespace) -> None:
    """Open one sealed picture: the file that was sealed, or a PNG of its pixels."""
    from engine.encryption import cipher_for
    from engine.encryption.container import read_prefix

    check_target(options.target, options.key_file, options.source, force=options.force)
    key = (read_picture_key if options.image_key else read_key)(options.key_file)
    sealed = options.source.read_bytes()
    content = cipher_for(sealed, key, "image" if options.image_key else "master").unseal(sealed)
    if read_prefix(sealed).version == 1:
        note("the file is of version 1: whoever was ever given its key could have sealed it, so seal it anew")
    data = file_for(options.target, content)
    write_whole(options.target, data, options.key_file, force=options.force)
    note(f"{options.target}: {'the file as it was sealed' if data is content.file else 'PNG'}, {len(data)} bytes")


def file_for(target: Path, content: "Content") -> bytes:
    """What to write of an opened content: its file byte for byte, or a PNG of its pixels.

    Raises:
        VaultError: The name asks for a JPEG or a DICOM file, and none was sealed.
    """
    from engine.imaging import encode_png

    wanted = KINDS.get(target.suffix.lower())
    held = _kind(content.file) if content.file is not None else "PNG"
    if content.file is not None and wanted in (None, held):
        return content.file
    if wanted in (None, "PNG"):
        return encode_png(content.picture())
    whole = "pixels alone" if content.file is None else f"a {held} file"
    raise VaultError(
        f"{target} would be a {wanted} file by its name, and what was sealed is {whole}: give OUT the suffix .png."
    )


def _kind(data: bytes) -> str:
    from engine.imaging import jpeg, png

    return "PNG" if data.startswith(png.SIGNATURE) else "JPEG" if data.startswith(jpeg.SIGNATURE) else "DICOM"
