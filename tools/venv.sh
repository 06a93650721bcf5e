#!/usr/bin/env bash
# Makes a virtual environment that holds exactly what the named lock says, and does nothing when it already does.
#
#   tools/venv.sh daemon|dev|research [folder]      PYTHON=python3.12 tools/venv.sh dev   (a chosen interpreter)
#
# The stamp of a finished install is a copy of its lock, written last: no stamp, no trust, and the folder is made anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

what=${1:?daemon, dev or research}
venv=${2:-.venv}
case $what in
  daemon) locks=(requirements.lock) ;;
  # a larger lock holds every line of the daemon's (tests/test_repository.py), so it satisfies both
  dev | research) locks=("requirements-$what.lock" requirements.lock) ;;
  *) echo "tools/venv.sh: daemon, dev or research, not '$what'" >&2; exit 1 ;;
esac

is_whole() {
  cmp -s "${locks[0]}" "$venv/.installed/${locks[0]}" && "$venv/bin/python" -c '' 2>/dev/null
}

# Prints the first interpreter that is new enough and can make an environment, or says what to install.
find_python() {
  local name path bare=''
  local names=(python3.14 python3.13 python3.12 python3.11 python3 python)
  [[ -n ${PYTHON:-} ]] && names=("$PYTHON")
  for name in "${names[@]}"; do
    while read -r path; do
      # run it: a version manager leaves shims behind for versions it cannot start
      "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
      if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$path"
        return
      fi
      bare=${bare:-$("$path" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')}
    done < <(type -aP -- "$name")
  done
  if [[ -n $bare ]]; then
    echo "$bare is here but cannot make a virtual environment. Install its venv module: apt install $bare-venv" >&2
  elif [[ -n ${PYTHON:-} ]]; then
    echo "'$PYTHON' is no Python 3.11 or newer that runs. Name another: make venv PYTHON=python3.11" >&2
  else
    echo "No Python 3.11 or newer was found. Install one: apt install python3.11 python3.11-venv" >&2
  fi
  return 1
}

is_whole && exit 0

# two makes at once in one folder would take each other's half for a whole
if command -v flock >/dev/null; then
  exec 9>"$venv.guard"
  flock 9
  is_whole && exit 0
fi

if [[ ! -d $venv/.installed ]] || ! "$venv/bin/python" -c '' 2>/dev/null; then
  python=$(find_python)
  echo "Making $venv with $("$python" -V) ..."
  if ! said=$("$python" -m venv --clear "$venv" 2>&1); then
    echo "$python could not make $venv: ${said:-no reason given}" >&2
    exit 1
  fi
fi
rm -rf "$venv/.installed" "$venv/.installed.new"

echo "Installing $(grep -c '==' "${locks[0]}") packages from ${locks[0]} (a minute or two) ..."
if ! said=$("$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
  --require-hashes -r "${locks[0]}" 2>&1); then
  echo "$said" >&2
  echo "The packages of ${locks[0]} could not be installed; the reason stands above. Then repeat the command." >&2
  exit 1
fi

mkdir "$venv/.installed.new"
cp "${locks[@]}" "$venv/.installed.new/"
mv "$venv/.installed.new" "$venv/.installed"
echo "$venv is ready."
