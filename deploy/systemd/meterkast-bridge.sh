#!/bin/sh
# The command meterkast as the service has it: as its user, in its folder, with its settings.
set -eu
case $(id -un) in
root) as='runuser --user meterkast-bridge --' ;;
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
