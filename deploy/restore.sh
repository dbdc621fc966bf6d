#!/bin/sh
# restore.sh ENTRY: checks the whole entry, then brings database and uploads back to it.
set -eu
exec node "$(dirname "$(readlink -f "$0")")/restore.js" "$@"
