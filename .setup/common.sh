# Read by the scripts beside this file: one way to say something, one way to stop.
# shellcheck shell=sh disable=SC2034

say() {
    printf 'set-up: %s\n' "$*" >&2
}

# One line: what is wrong and what to do about it.
stop() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

# The folder itself or its nearest ancestor that exists.
existing_folder() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    printf '%s\n' "$folder"
}

# free_megabytes FOLDER
free_megabytes() {
    df -Pk "$(existing_folder "$1")" | awk 'NR == 2 { print int($4 / 1024) }'
}

# need_space FOLDER MEGABYTES PURPOSE
need_space() {
    free=$(free_megabytes "$1")
    if [ "$free" -lt "$2" ]; then
        stop "$3 needs $2 MB below $1 and $free MB are free there: make room, then run the same command again."
    fi
}

model_name=SmolLM2-135M-Instruct.Q4_1.gguf
# A relative path in an XDG variable is to be ignored (XDG Base Directory Specification).
case ${XDG_CACHE_HOME-} in
/*) cache=$XDG_CACHE_HOME ;;
*) cache=${HOME:?HOME is not set}/.cache ;;
esac
model_folder=$cache/emuchat/models
