"""Makes chalicelib/auth/common_passwords.txt: what guessers try first.

    python -m local.common_passwords

The list is the one that Django brings (the 20,000 most common passwords of public leaks, by Royce Williams), from the wheel of that
version on PyPI; kept is what is long enough to be asked about at all, in alphabetical order.
"""

import gzip
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from chalicelib.auth.passwords import MIN_LENGTH
from chalicelib.domain.words import counted

SOURCE = "django==5.2.8"
LIST = "django/contrib/auth/common-passwords.txt.gz"
TARGET = Path(__file__).resolve().parent.parent / "chalicelib" / "auth" / "common_passwords.txt"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--dest", folder, SOURCE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            words = gzip.decompress(packed.read(LIST)).decode().splitlines()
    kept = sorted({word.lower() for word in words if len(word) >= MIN_LENGTH})
    TARGET.write_text("\n".join(kept) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(kept):,} of {len(words):,}, {counted(TARGET.stat().st_size, 'byte')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
