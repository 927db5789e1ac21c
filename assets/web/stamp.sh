#!/usr/bin/env bash
# Prints a hash of everything that a game's core.wasm is built from. `tests/tidy` compares it with core.wasm.stamp in the
# game's folder. A folder `authority` is left out: no page runs what only the server decides.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 GAME" >&2; exit 2; }
cd "$(dirname "$0")/../.."
find protocol/src assets/web/core/src "assets/games/$1/src" -name '*.rs' -not -name 'tests.rs' \
    -not -path '*/authority/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
