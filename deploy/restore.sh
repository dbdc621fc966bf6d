#!/bin/sh
# restore.sh ENTRY: checks the whole entry, then restores database and uploads from it.
set -eu
exec node "$(dirname "$(readlink -f "$0")")/restore.js" "$@"
