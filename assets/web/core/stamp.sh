#!/usr/bin/env bash
# Prints a hash of everything core.wasm is built from. `tests/tidy` compares it with the stamp beside core.wasm.
set -euo pipefail
cd "$(dirname "$0")/../../.."
find protocol/src assets/web/core/src -name '*.rs' -not -name 'tests.rs' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d' ' -f1
