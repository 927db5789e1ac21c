#!/usr/bin/env bash
# Builds the core of a game's page: `build-core.sh tag` for the crate fracas-tag in assets/games/tag, `build-core.sh FOLDER`
# for a game anywhere else. Writes page/core.wasm there, and for a game of this repository core.wasm.stamp, which says
# from which sources. The game has a feature `web`.
# Needs the target wasm32-unknown-unknown, which rustup adds; where it cannot, Debian's rustc-web does (see below).
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 GAME, or $0 FOLDER" >&2; exit 2; }
engine="$(cd "$(dirname "$0")/../.." && pwd)"
if [ -f "$engine/assets/games/$1/Cargo.toml" ]; then
    folder="$engine/assets/games/$1"
    locked=--locked
else
    folder="$1"
    locked=
fi
[ -f "$folder/Cargo.toml" ] || { echo "no game in $folder" >&2; exit 2; }
cd "$folder"
crate="$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)"

# The game's program embeds its core, so there must be one, if an empty one.
mkdir -p page
[ -e page/core.wasm ] || : > page/core.wasm

# The crate type is given here, so that no build for this machine makes a library nobody needs.
build() {
    cargo rustc --quiet $locked "$@" --profile core --target wasm32-unknown-unknown \
        -p "$crate" --lib --crate-type cdylib --features web
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
target="$(cargo metadata --quiet --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
cp "$target/wasm32-unknown-unknown/core/${crate//-/_}.wasm" page/core.wasm
[ -z "$locked" ] || "$engine/assets/web/stamp.sh" "$1" > core.wasm.stamp
echo "$folder/page/core.wasm: $(wc -c < page/core.wasm) bytes"
