#!/bin/sh
# backup.sh DIR: writes a new entry into DIR, prints its path and keeps the newest 7 (KEEP=n for another number).
set -eu
exec node "$(dirname "$(readlink -f "$0")")/backup.js" "$@"
