# Sourced by demo.sh and test.sh: makes the repository's .venv once, then leaves it alone.
#
#   prepare EXTRA   EXTRA is "" or the name of an extra, such as "dev"
#
# Sets `python`, the interpreter of .venv.  A stamp in .venv remembers what was installed, so a second run
# starts at once and needs no network.

repository=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 2
environment=$repository/.venv
python=$environment/bin/python

say() { printf '%s\n' "$*" >&2; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in python3 python3.11 python3.12 python3.13 python3.14 python; do
        if is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

make_environment() {
    found=$(find_python) || {
        say "exactcpa needs Python 3.11 or newer, and none of python3, python3.11, ..., python3.14 on this machine is."
        exit 2
    }
    say "Making .venv with $("$found" --version) (first run only) ..."
    "$found" -m venv --clear "$environment" >&2 || {
        rm -rf "$environment"
        say "$found could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv"
        exit 2
    }
}

# What the installation depends on: the build file, and where the repository lies.
fingerprint() { printf '%s\n' "$repository" | cat - "$repository/pyproject.toml"; }

install() {
    say "Installing exactcpa${1:+ with the extra \"$1\"} into .venv (first run only, a few minutes) ..."
    # hatchling goes in first so that a later change of pyproject.toml installs without a network.  Python compiles
    # modules when it first imports them, which are few of all there are.
    "$python" -m pip --disable-pip-version-check install --quiet hatchling >&2 &&
        "$python" -m pip --disable-pip-version-check install --quiet --no-compile --no-build-isolation \
            --editable "$repository${1:+[$1]}" >&2 || {
        say "The installation did not finish (see pip's lines above); the first run needs a network."
        exit 2
    }
    fingerprint | tee "$environment/installed" >"$environment/installed${1:+-$1}"
}

prepare() {
    is_new_enough "$python" || make_environment
    fingerprint | cmp -s - "$environment/installed${1:+-$1}" || install "$1"
}
