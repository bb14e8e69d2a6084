#!/bin/sh
# Writes the King James Bible as plain text, one chapter per paragraph block:
#   OUT/train.txt   the chapters to train on
#   OUT/valid.txt   every 50th chapter, held out
# One verse per line, without its reference; an empty line ends a chapter.
# The text comes from Debian's bible-kjv and bible-kjv-text packages:
#   apt-get install bible-kjv bible-kjv-text
# usage: prepare_data.sh OUT
set -eu
out=${1:?usage: prepare_data.sh OUT}
command -v bible >/dev/null || {
  echo "prepare_data.sh: needs Debian's bible-kjv (apt-get install bible-kjv)" >&2
  exit 1
}
mkdir -p "$out"
: >"$out/train.txt"
: >"$out/valid.txt"
# -f switches pretty-printing off: "Ge1:1 In the beginning ...", a verse a line.
LC_ALL=C bible -f 'Gen1:1-Rev22:21' </dev/null | LC_ALL=C awk -v out="$out" '
{
  ref = $1
  chapter = ref
  sub(/:[0-9]+$/, "", chapter)
  if (chapter != last) {
    if (file != "") print "" >>file
    n++
    file = out "/" (n % 50 == 0 ? "valid.txt" : "train.txt")
    last = chapter
  }
  text = substr($0, length(ref) + 2)
  gsub(/  +/, " ", text)
  sub(/^ +/, "", text)
  sub(/ +$/, "", text)
  print text >>file
}
END { if (file != "") print "" >>file }'
wc -lc "$out/train.txt" "$out/valid.txt"
sha256sum "$out/train.txt" "$out/valid.txt"
