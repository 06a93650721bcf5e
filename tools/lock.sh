#!/usr/bin/env bash
# Writes the three locks from pyproject.toml: every platform, Python 3.11 and later, each file pinned by its hash.
#
#   tools/lock.sh              keeps the versions that still fit
#   tools/lock.sh --upgrade    takes the newest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! uv=$(type -P uv); then
  echo "uv is needed to write the locks (only for that). Install it: pipx install uv" >&2
  exit 1
fi

# no header, source, index or link: a lock names packages, never the machine it was written on
compile() {
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@" pyproject.toml
}

compile "$@" --output-file requirements.lock
# the larger two agree with the daemon's: what is tested is what runs
for extra in dev research; do
  compile "$@" --constraint requirements.lock --extra "$extra" --output-file "requirements-$extra.lock"
done
