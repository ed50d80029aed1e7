"""One hash for keys and seeds."""

import hashlib
import json
from typing import Any


def hash_content(*parts: Any) -> str:
    """SHA-256 of the parts as JSON, in hex, whatever the order of a table's entries."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
