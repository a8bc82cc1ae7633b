"""Values in codecs that this process does not read: they are held, and passed on as they came."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gdistributed.data.codecs.encoded import Buffer, Encoded
from gdistributed.errors import CodecUnsupported


@dataclass(slots=True, eq=False)
class Unread:
    """A value that stays encoded.

    Attributes
    ----------
    codec, data, buffers, attributes
        As in `Encoded`.
    """

    codec: str
    data: Buffer
    buffers: Sequence[Buffer]
    attributes: Mapping[str, str]

    def encoded(self, codecs: Sequence[str] = ()) -> Encoded:
        """Return it for a reader that accepts these codecs; for none named, as it is.

        Raises
        ------
        CodecUnsupported
            If its codec is not among them.
        """
        if codecs and self.codec not in codecs:
            raise CodecUnsupported(
                f"a value in the codec {self.codec!r}, which this process does not read, cannot be "
                f"said in any of {', '.join(codecs)}"
            )
        return Encoded(self.codec, self.data, self.buffers, self.attributes)

    def needed(self) -> CodecUnsupported:
        """Return the error for a function of this process that needs the value itself."""
        return CodecUnsupported(f"this process does not read the codec {self.codec!r}")

    def __sizeof__(self) -> int:
        return sum(map(sys.getsizeof, (self.data, *self.buffers)))
