"""A prefix of an S3 bucket as a source of models: listings and conditional, parallel, ranged GETs through obstore.

obstore lists at a sixteenth of boto3's CPU, and lacks two things that are made up for here. It refuses a whole listing
for one key with an empty, `.` or `..` part, or with a character that XML lacks: such a bucket is listed with boto3. It
drops the slash at the end of a key, which makes the "folders" that S3's console creates look like empty files: an empty
object is asked for by its own name, once. The same holds for "folders" with content, which few tools write; those are
found out when they are fetched.
"""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime_handler.models.bucket import Bucket
from runtime_handler.models.parallel import in_parallel
from runtime_handler.models.source import SourceChanged, SourceError, SourceTooLarge, StoredObject

if TYPE_CHECKING:
    from obstore import GetOptions

_PARALLEL = 16
_PART = 16 << 20
_PAGE = 1000
_UNREADABLE = "invalid list response"
_PERMANENT = (
    "NoSuchBucket",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidBucketName",
    "PermanentRedirect",
)


class S3Source:
    """The objects below `s3://bucket/prefix/`; a prefix ends at a slash, so that `a` never holds what lies in `ab`."""

    in_place: Path | None = None

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._folders: dict[StoredObject, bool] = {}
        self._odd = False

    def __str__(self) -> str:
        return f"s3://{self._bucket.name}/{self._prefix}"

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        """Every object below the prefix: one request per 1,000."""
        found = self._list(at_most, folder)
        return [item._replace(path=item.path[len(folder) :]) for item in found] if folder else found

    def _list(self, at_most: int | None, folder: str) -> Sequence[StoredObject]:
        import obstore

        if self._odd:
            return self._boto3_list(at_most, folder)
        try:
            return self._without_folders(self._obstore_list(at_most, folder), whole=not folder)
        except (obstore.exceptions.BaseError, OSError) as error:
            if _is_odd(error):
                self._odd = True
                return self._boto3_list(at_most, folder)
            if self._bucket.follow_region():
                return self._list(at_most, folder)
            raise self._failure("cannot be listed", folder, error) from error

    def find(self, name: str) -> Sequence[StoredObject]:
        """The object `name` below the prefix, if it is there: one request, however many objects lie beside it."""
        import obstore

        key = self._prefix + name
        try:
            for chunk in obstore.list(self._bucket.store, self._prefix or None, offset=key[:-1], chunk_size=_PAGE):
                return [self._stored(item) for item in chunk if item["path"] == key]
        except (obstore.exceptions.BaseError, OSError) as error:
            if _is_odd(error):
                return self._ask_for(name)  # an odd key stands behind it on the page
            if self._bucket.follow_region():
                return self.find(name)
            raise self._failure("cannot be listed", name, error) from error
        return []

    def _ask_for(self, name: str) -> Sequence[StoredObject]:
        import obstore

        try:
            return [self._stored(obstore.head(self._bucket.store, self._prefix + name))]
        except FileNotFoundError:
            return []
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._failure("cannot be asked for", name, error) from error

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        """GET every object, 16 requests at a time, large ones in ranges; each holds only while the ETag is the listed one."""
        parts = []
        for item in objects:
            copy = target / item.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
            parts += [(item, start, min(start + _PART, item.size)) for start in range(0, max(item.size, 1), _PART)]
        if len(parts) == 1:
            self._get(folder, target, *parts[0])
        else:
            in_parallel([partial(self._get, folder, target, *part) for part in parts], _PARALLEL)

    def read(self, path: str) -> bytes:
        """The bytes of one small object."""
        import obstore

        try:
            return bytes(obstore.get(self._bucket.store, self._prefix + path).bytes())
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._failure("cannot be read", path, error) from error

    def gone(self, path: str) -> bool:
        """Whether the object does not exist, asked for by name."""
        import obstore

        try:
            obstore.head(self._bucket.store, self._prefix + path)
        except FileNotFoundError:
            return True
        except obstore.exceptions.InvalidPathError:
            return True  # nothing that we could have loaded
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._failure("cannot be asked for", path, error) from error
        return False

    def now(self) -> float:
        """S3's clock."""
        return self._bucket.now()

    def _obstore_list(self, at_most: int | None, folder: str) -> Sequence[StoredObject]:
        import obstore

        found: list[StoredObject] = []
        for chunk in obstore.list(self._bucket.store, self._prefix + folder or None, chunk_size=_PAGE):
            found += map(self._stored, chunk)
            if at_most is not None and len(found) > at_most:
                raise SourceTooLarge(f"{self} holds more than {at_most} objects")
        return found

    def _stored(self, item: Any) -> StoredObject:
        etag = (item["e_tag"] or "").strip('"')
        return StoredObject(item["path"][len(self._prefix) :], item["size"], etag, item["last_modified"].timestamp())

    def _without_folders(self, found: Sequence[StoredObject], *, whole: bool) -> Sequence[StoredObject]:
        """The objects but those that stand for folders. Of each empty object this is asked once; see `_get` for others.

        What `found` lacks is forgotten when that is the `whole` listing.
        """
        unknown = [item for item in found if item.size == 0 and item not in self._folders]
        if unknown:
            answers = in_parallel([partial(self.gone, item.path) for item in unknown], _PARALLEL)
            self._folders |= zip(unknown, answers, strict=True)
        if not self._folders:
            return found
        if whole:
            self._folders = {item: self._folders[item] for item in found if item in self._folders}
        return [item for item in found if not self._folders.get(item)]

    def _boto3_list(self, at_most: int | None, folder: str) -> Sequence[StoredObject]:
        from botocore.exceptions import BotoCoreError, ClientError

        found: list[StoredObject] = []
        try:
            pages = self._bucket.boto3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket.name, Prefix=self._prefix + folder
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        path, modified = item["Key"][len(self._prefix) :], item["LastModified"].timestamp()
                        found.append(StoredObject(path, item["Size"], item["ETag"].strip('"'), modified))
                if at_most is not None and len(found) > at_most:
                    raise SourceTooLarge(f"{self} holds more than {at_most} objects")
        except (BotoCoreError, ClientError) as error:
            raise self._failure("cannot be listed", folder, error) from error
        return found

    def _get(self, folder: str, target: Path, item: StoredObject, start: int, end: int) -> None:
        import obstore

        path = folder + item.path
        try:
            result, end = self._part(path, item, start, end)
            if result is None:
                return
            if item.etag and (result.meta["e_tag"] or "").strip('"') != item.etag:
                raise SourceChanged(f"{self}{path} is not what was listed")
            with (target / item.path).open("r+b", buffering=0) as file:
                for chunk in result.stream():
                    start = _write(file.fileno(), chunk, start)
        except FileNotFoundError as error:
            if error.errno is not None:
                raise  # the system's, not obstore's: somebody removed the file that it was to be written to
            self._folders[item._replace(path=path)] = True  # should it be listed again, it is no file
            raise SourceChanged(f"{self}{path} is not what was listed") from error
        except obstore.exceptions.PreconditionError as error:
            raise SourceChanged(f"{self}{path} is not what was listed") from error
        except obstore.exceptions.BaseError as error:
            raise self._failure("cannot be read", path, error) from error
        if start != end:
            raise SourceError(f"{self}{path} ended {end - start} bytes early")

    def _part(self, path: str, item: StoredObject, start: int, end: int) -> tuple[Any, int]:
        """The answer to a GET of that part, and where it ends; None from a server without ranges, whose first is the whole."""
        import obstore

        options: GetOptions = {"if_match": f'"{item.etag}"'} if item.etag else {}
        whole = (start, end) == (0, item.size)
        try:
            ranged: GetOptions = options if whole else {**options, "range": (start, end)}
            return obstore.get(self._bucket.store, self._prefix + path, options=ranged), end
        except obstore.exceptions.GenericError as error:
            if whole or "non-partial response" not in str(error):
                raise
            if start > 0:
                return None, end
            return obstore.get(self._bucket.store, self._prefix + path, options=options), item.size

    def _failure(self, what: str, path: str, error: Exception) -> SourceError:
        text = str(error)
        code = next((code for code in _PERMANENT if code in text), None)
        reason = code or text.partition("\n")[0]
        return SourceError(f"{self}{path} {what}: {reason}", permanent=code is not None)


def _is_odd(error: Exception) -> bool:
    """Whether a listing was refused for a key in it that obstore takes for none."""
    import obstore

    return isinstance(error, obstore.exceptions.InvalidPathError) or _UNREADABLE in str(error)


def _write(descriptor: int, data: Any, start: int) -> int:
    """Write all of `data` from `start` on; where it ends. A disk that is nearly full takes a part, and refuses the rest."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, start)
        rest, start = rest[written:], start + written
    return start
