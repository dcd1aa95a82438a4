#!/bin/sh
# cable N on|off, unplug N, plug N: asks who runs this guest, and returns when it
# is done. Not beside another command: the answer comes on the same console.
exec 3<>/dev/ttyS1
printf '\001?%s %s\n' "${0##*/}" "$*" >&3
read -r said <&3
[ -z "$said" ] || { echo "${0##*/} $*: $said" >&2; exit 1; }
