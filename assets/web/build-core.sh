#!/usr/bin/env bash
# Builds the core of a game's page: `build-core.sh tag` for the crate fracas-tag in assets/games/tag. Writes
# page/core.wasm there, and core.wasm.stamp, which says from which sources. The game has a feature `web`.
# Needs the target wasm32-unknown-unknown, which rustup adds; where it cannot, Debian's rustc-web does (see below).
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 GAME" >&2; exit 2; }
game="$1"
cd "$(dirname "$0")/../.."
folder="assets/games/$game"
[ -f "$folder/Cargo.toml" ] || { echo "no game in $folder" >&2; exit 2; }

# The game's program embeds its core, so there must be one, if an empty one.
mkdir -p "$folder/page"
[ -e "$folder/page/core.wasm" ] || : > "$folder/page/core.wasm"

# The crate type is given here, so that no build for this machine makes a library nobody needs.
build() {
    cargo rustc --quiet --locked "$@" --profile core --target wasm32-unknown-unknown \
        -p "fracas-$game" --lib --crate-type cdylib --features web
}

if rustup target list --installed 2>/dev/null | grep -q '^wasm32-unknown-unknown$' ||
    rustup target add wasm32-unknown-unknown 2>/dev/null; then
    build
else
    # Debian carries a newer compiler and its library's sources for building browsers.
    command -v dpkg >/dev/null && dpkg -s rustc-web rust-web-src >/dev/null 2>&1 || {
        echo "no wasm target: install Debian's rustc-web and rust-web-src, or a rustup that can add the target" >&2
        exit 1
    }
    RUSTC="$(dpkg -L rustc-web | grep '/bin/rustc$')"
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$(find "$(rustup run stable rustc --print sysroot)" -name rust-lld | head -n 1)"
    export RUSTC RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
    build -Z build-std=std,panic_abort
fi
cp "${CARGO_TARGET_DIR:-target}/wasm32-unknown-unknown/core/fracas_$game.wasm" "$folder/page/core.wasm"
assets/web/stamp.sh "$game" > "$folder/core.wasm.stamp"
echo "$folder/page/core.wasm: $(wc -c < "$folder/page/core.wasm") bytes"
