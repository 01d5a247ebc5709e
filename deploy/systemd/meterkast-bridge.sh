#!/bin/sh
# The command meterkast as the service has it: as its user, in its folder, with its settings.
set -eu
# A terminal of its own: whoever shares root's may type into it.
if [ -t 0 ] && [ -t 1 ] && [ -t 2 ]; then pty=--pty; else pty=; fi
case $(id -un) in
root) as="runuser $pty --user meterkast-bridge --" ;;
meterkast-bridge) as= ;;
*)
    echo "error: only root and meterkast-bridge may do this" >&2
    echo "where: meterkast-bridge $*" >&2
    echo "try:   sudo meterkast-bridge $*" >&2
    exit 2
    ;;
esac
cd /var/lib/meterkast-bridge
exec $as /opt/meterkast-bridge/current/bin/meterkast "$@"
