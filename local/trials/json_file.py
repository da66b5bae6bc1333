"""Read JSON files as other tools write them: one value or several, in any Unicode encoding, with or without a BOM."""

import json
import re
from pathlib import Path
from typing import Any

from local.errors import LocalError

_skip_blanks = re.compile(r"\s*").match


def read_text(path: Path) -> str:
    """Return the text of a JSON file. PowerShell redirects output as UTF-16, and some editors add a byte order mark.

    Raises:
        OSError: the file cannot be read.

    """
    data = path.read_bytes()
    return data.decode(json.detect_encoding(data), errors="replace")


def read_values(path: Path) -> list[Any]:
    """Return the JSON values in a file, one after the other, on one line or several.

    Raises:
        LocalError: the text is not JSON.
        OSError: the file cannot be read.

    """
    text = read_text(path)
    decode = json.JSONDecoder().raw_decode
    values, position = [], _end_of_blanks(text, 0)
    while position < len(text):
        try:
            value, position = decode(text, position)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise LocalError(f"{path}: invalid JSON ({place}: {error.msg})") from error
        except (ValueError, RecursionError) as error:  # a number with too many digits, or nested too deeply
            raise LocalError(f"{path}: invalid JSON ({error})") from error
        values.append(value)
        position = _end_of_blanks(text, position)
    return values


def _end_of_blanks(text: str, position: int) -> int:
    found = _skip_blanks(text, position)
    return found.end() if found else position
