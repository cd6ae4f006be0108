#!/bin/sh
# Starts the server by `cordwood run`: port probing, console copy, recovery after a crash.
port=5000 level=INFO force=

usage() {
    cat <<'HELP'
Usage: ./start_server.sh [options]

  -p, --port PORT        port to run on (default: 5000)
  -l, --log-level LEVEL  DEBUG, INFO, WARNING, ERROR or CRITICAL (default: INFO)
  -f, --force-kill       force kill any process running on that port
  -h, --help             display this help message
HELP
}

bad() {
    echo "start_server.sh: $1; see ./start_server.sh --help" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        -p | --port | -l | --log-level) [ $# -ge 2 ] || bad "$1 needs a value" ;;
    esac
    case $1 in
        -p | --port) port=$2; shift ;;
        --port=*) port=${1#*=} ;;
        -l | --log-level) level=$2; shift ;;
        --log-level=*) level=${1#*=} ;;
        -f | --force-kill) force=--force-kill ;;
        -h | --help) usage; exit 0 ;;
        *) bad "there is no option $1" ;;
    esac
    shift
done

cd "$(dirname "$0")" || exit
exec cordwood run --port "$port" --level "$level" $force -- ${SERVER:-python server.py}
