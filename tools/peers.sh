#!/usr/bin/env bash
# Makes one environment each for the backtesters that we are measured beside, and one for ours, all of one Python.
#
#   tools/peers.sh [folder]      PYTHON=python3.12 tools/peers.sh      (Debian's python3.11 by default)
#
# A peer that cannot be installed is told, and the others are made; ours must be.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-build/peers}
python=${PYTHON:-/usr/bin/python3.11}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "$python is not here or cannot make an environment: apt install python3.11-venv, or PYTHON=... make bench-peers" >&2
  exit 1
fi

mkdir -p "$folder"
install() { # name, lock
  local venv=$folder/$1 lock=$2 said
  cmp -s "$lock" "$venv/.installed" && "$venv/bin/python" -c '' 2>/dev/null && return
  echo "Making $venv ..."
  "$python" -m venv --clear "$venv"
  if ! said=$("$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r "$lock" 2>&1); then
    echo "$said" | tail -n 3 >&2
    rm -rf "$venv"
    return 1
  fi
  cp "$lock" "$venv/.installed"
}

install kis_daemon requirements.lock
for lock in bench/peers/*.lock; do
  name=$(basename "$lock" .lock)
  install "$name" "$lock" || echo "$name cannot be installed here; the reason stands above" >&2
done
