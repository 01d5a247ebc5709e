#!/bin/sh
# InfluxDB 2.7 or later, told once; what is there already stays. Needs the command influx and the
# token of whoever may make buckets (INFLUX_TOKEN), and leaves two tokens beside itself:
#   series.token    for the hub: put it where bridge.toml says series_token_file
#   reader.secret   for Grafana: put it at /etc/grafana/meterkast/reader.secret
# A bucket without a slash in its name answers InfluxQL under its own name by itself.
set -eu
umask 077
cd "$(dirname "$0")"
: "${INFLUX_TOKEN:?set it to a token that may make buckets}"
export INFLUX_TOKEN
export INFLUX_HOST="${INFLUX_HOST:-http://127.0.0.1:8086}"
export INFLUX_ORG="${INFLUX_ORG:-meterkast}"

id_of() {
    influx bucket list --name "$1" --hide-headers | awk '{ print $1 }'
}

bucket() { # its name, and how long it keeps what it has; 0 is for good
    if influx bucket list --name "$1" --hide-headers >/dev/null 2>&1; then
        influx bucket update --id "$(id_of "$1")" --retention "$2" >/dev/null
    else
        influx bucket create --name "$1" --retention "$2" >/dev/null
    fi
}

task() { # its name, which is its file's
    influx task list --hide-headers | grep -qw "$1" ||
        influx task create --file "$1.flux" >/dev/null
}

token() { # the file, what the token is for, and what it may
    file="$1" what="$2"
    shift 2
    [ -s "$file" ] && return
    influx auth create --description "$what" --json "$@" |
        sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' >"$file"
    [ -s "$file" ] || { rm -f "$file"; echo "no token came for $what" >&2; exit 1; }
}

bucket "meterkast" 0
bucket "meterkast_months" 92d
years="$(id_of "meterkast")" months="$(id_of "meterkast_months")"
task sample_quarter_hour
task sample_quarter_day
token series.token "meterkast: the hub writes and takes away" \
    --read-bucket "$years" --write-bucket "$years" \
    --read-bucket "$months" --write-bucket "$months"
token reader.secret "meterkast: Grafana reads" --read-bucket "$years" --read-bucket "$months"
echo "set up: meterkast for good, meterkast_months for 92d"
