#!/usr/bin/env bash
# Builds assets/web/page/core.wasm, and the stamp beside it that says from which sources.
# Needs the target wasm32-unknown-unknown, which rustup adds; where it cannot, Debian's rustc-web does (see below).
set -euo pipefail
cd "$(dirname "$0")/../../.."

if rustup target list --installed 2>/dev/null | grep -q '^wasm32-unknown-unknown$' ||
    rustup target add wasm32-unknown-unknown 2>/dev/null; then
    cargo build --quiet --locked --profile core --target wasm32-unknown-unknown -p fracas-web-core
else
    # Debian carries a newer compiler and its library's sources for building browsers.
    command -v dpkg >/dev/null && dpkg -s rustc-web rust-web-src >/dev/null 2>&1 || {
        echo "no wasm target: install Debian's rustc-web and rust-web-src, or a rustup that can add the target" >&2
        exit 1
    }
    RUSTC="$(dpkg -L rustc-web | grep '/bin/rustc$')"
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$(find "$(rustup run stable rustc --print sysroot)" -name rust-lld | head -n 1)"
    export RUSTC RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
    cargo build --quiet --locked -Z build-std=std,panic_abort --profile core --target wasm32-unknown-unknown \
        -p fracas-web-core
fi
cp "${CARGO_TARGET_DIR:-target}/wasm32-unknown-unknown/core/fracas_web_core.wasm" assets/web/page/core.wasm
assets/web/core/stamp.sh > assets/web/core/core.wasm.stamp
echo "core.wasm: $(wc -c < assets/web/page/core.wasm) bytes"
