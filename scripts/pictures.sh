#!/usr/bin/env bash
# Takes the pictures of the README from the demo, which plays the same for the same seed.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --bin tracetui
cargo build --example picture
tracetui=target/release/tracetui
folder=assets/img
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"

# picture NAME SIZE THEME TITLE STEPS COMMAND...
picture() {
    local name=$1 size=$2 theme=$3 title=$4 steps=$5
    shift 5
    echo "$folder/$name.svg"
    target/debug/examples/picture --size "$size" --theme "$theme" --title "$title" --steps "$steps" \
        --out "$folder/$name.svg" -- "$@"
}

demo() {
    local name=$1 size=$2 theme=$3 steps=$4
    mkdir "$work/$name"
    picture "$name" "$size" "$theme" "tracetui demo" "$steps" \
        "$tracetui" demo --seed 7 --speed 4 --theme "$theme" --db "$work/$name/run.db"
}

# The first live run, held in view while it goes on.
live="wait:running; key:tab; sleep:8000"
demo waterfall-dark 150x36 dark "$live"
demo waterfall-light 150x36 light "$live"
demo detail 150x44 dark "$live; key:] \$; key:d; sleep:300; key:}; sleep:700"
demo bill 150x34 dark "$live; key:] \$; key:\$; sleep:500"
demo filter 150x30 dark "$live; key:f; type:model:gpt-4o cost>0.001; sleep:500"
demo narrow 80x24 dark "wait:running; key:enter; sleep:8000"

ln -s "$work/waterfall-dark/run.db" "$work/run.db"
(cd "$work" && "$OLDPWD/$tracetui" show run.db last --width 120 >"$work/show.txt")
rows=$(($(wc -l <"$work/show.txt") + 1))
picture show "120x$rows" dark "tracetui show run.db" "exit" \
    "$tracetui" show "$work/run.db" last --width 120 --color always
