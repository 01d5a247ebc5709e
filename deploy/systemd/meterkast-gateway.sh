#!/bin/sh
# The command meterkast as the service has it: as its user, in its folder, with its settings.
set -eu
case $(id -un) in
root) as='runuser --user meterkast-gateway --' ;;
meterkast-gateway) as= ;;
*)
    echo "error: only root and meterkast-gateway may do this" >&2
    echo "where: meterkast-gateway $*" >&2
    echo "try:   sudo meterkast-gateway $*" >&2
    exit 2
    ;;
esac
cd /var/lib/meterkast-gateway
export GPIOZERO_PIN_FACTORY=lgpio
exec $as /opt/meterkast-gateway/current/bin/meterkast "$@"
