#!/bin/sh
# lock.sh HEADING FILE COMMAND...   FILE becomes HEADING and what COMMAND prints, or stays as it is if COMMAND fails
set -eu
heading=$1 file=$2
shift 2
locked=$("$@")
printf '%s\n%s\n' "$heading" "$locked" >"$file.new"
mv "$file.new" "$file"
