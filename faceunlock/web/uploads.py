"""What a request brings: photos and options, bounded, in memory only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Literal

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from faceunlock.errors import PhotoError, SettingsError, WebError
from faceunlock.files.text import printable
from faceunlock.photos.photo import PhotoFile, load_photo

MAX_UPLOAD = 128 << 20
"""Bytes that one request may bring, with all its photos."""

MAX_PHOTOS = 100
"""Photos that one request may bring."""

UPLOADS = 2
"""Requests that may be in memory at the same time."""

UPLOAD_SECONDS = 60.0
"""How long a request may take to arrive."""

_LONGEST_NAME = 100

Kind = Literal["photo", "photos", "text", "number", "flag"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Attributes
    ----------
    name : str
    kind : {"photo", "photos", "text", "number", "flag"}
        A flag is ``true`` or ``false``.
    meaning : str
    required : bool
    choices : tuple of str
        The only texts allowed; empty if any is.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()

    def value(self, given: Sequence[str | UploadFile], max_pixels: int) -> Any:
        """Return what was given for this field, as the tasks take it; None if nothing was.

        Raises
        ------
        SettingsError
            ``usage``.
        PhotoError
            ``unreadable-photo``: the content of a single photo is not a photo's.
        """
        if not given:
            if self.required:
                raise SettingsError("usage", f"the field {self.name} is missing")
            return None
        if len(given) > 1 and self.kind != "photos":
            raise SettingsError("usage", f"the field {self.name} is given twice")
        if self.kind in ("photo", "photos"):
            photos = [self._photo(one, max_pixels) for one in given]
            return photos if self.kind == "photos" else photos[0]
        text = given[0]
        if not isinstance(text, str):
            raise SettingsError("usage", f"the field {self.name} is a text, not a file")
        return self._read(text)

    def _read(self, text: str) -> Any:
        if self.kind == "flag":
            if text not in ("true", "false"):
                raise SettingsError("usage", f"{self.name} must be true or false")
            return text == "true"
        if self.kind == "number":
            try:
                return float(text)
            except ValueError:
                raise SettingsError("usage", f"{self.name} must be a number") from None
        if self.choices and text not in self.choices:
            raise SettingsError("usage", f"{self.name} must be one of {', '.join(self.choices)}")
        return text

    def _photo(self, given: str | UploadFile, max_pixels: int) -> PhotoFile:
        if isinstance(given, str):
            raise SettingsError("usage", f"the field {self.name} is a file, not a text")
        # Memory, because the parser below never moves it to a disk.
        data, name = given.file.read(), photo_name(given.filename)
        if self.kind == "photos":  # one that is no photo is left out, and the others count
            return PhotoFile(name, data, max_pixels)
        return load_photo(BytesIO(data), name=name, max_pixels=max_pixels)


def photo_name(given: str | None) -> str:
    r"""Return how an uploaded photo is called: its file name, whatever path or bytes came with it.

    Examples
    --------
    >>> photo_name("C:\\photos\\me.jpg"), photo_name("../../etc/passwd"), photo_name("\x1b[2J")
    ('me.jpg', 'passwd', '\\x1b[2J')
    >>> photo_name(""), photo_name(".."), len(photo_name("x" * 999))
    ('photo', 'photo', 100)
    """
    last = PurePosixPath(PureWindowsPath(given or "").as_posix()).name
    shown = printable(last)[:_LONGEST_NAME]
    return shown if shown.strip(". ") else "photo"


class _InMemory(MultiPartParser):
    """A parser that keeps what is uploaded in memory; no photo is written to a disk, even for a moment."""

    spool_max_size = MAX_UPLOAD + 1


class Uploads:
    """Reads forms, few at the same time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(UPLOADS)

    async def read(self, request: Request, fields: Sequence[Field], max_pixels: int) -> dict[str, Any]:
        """Return the fields that a form holds.

        Raises
        ------
        SettingsError
            ``usage`` for anything but a form with these fields.
        PhotoError
            ``photo-too-large`` for more than `MAX_UPLOAD` bytes; ``unreadable-photo``.
        WebError
            ``too-slow``.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise SettingsError("usage", "send a form (multipart/form-data)", hint="See: docs/http.md")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > MAX_UPLOAD:
            raise _too_much()
        async with self._places:
            try:
                async with asyncio.timeout(UPLOAD_SECONDS):
                    parser = _InMemory(
                        request.headers,
                        _bounded(request),
                        max_files=MAX_PHOTOS,
                        max_fields=len(fields) * 2,
                        max_part_size=1 << 16,
                    )
                    form = await parser.parse()
            except TimeoutError:
                raise WebError("too-slow") from None
            except (MultiPartException, KeyError, UnicodeError, ValueError) as error:
                reason = getattr(error, "message", None) or "the form is not whole"
                raise SettingsError("usage", str(reason)) from error
            try:
                unknown = set(form) - {field.name for field in fields}
                if unknown:
                    raise SettingsError("usage", f"there is no field {printable(sorted(unknown)[0])[:40]}")
                found = {field.name: field.value(form.getlist(field.name), max_pixels) for field in fields}
            finally:
                await form.close()
        return {name: value for name, value in found.items() if value is not None}


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_UPLOAD:
                raise _too_much()
            yield chunk
    except ClientDisconnect:
        raise SettingsError("usage", "the request is not whole") from None


def _too_much() -> PhotoError:
    return PhotoError(
        "photo-too-large",
        f"The request has more than {MAX_UPLOAD >> 20} MiB, the limit.",
        hint="Send fewer photos at once, or smaller ones.",
    )
