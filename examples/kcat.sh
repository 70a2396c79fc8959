#!/bin/sh
# Sends measurements in lines of JSON with kcat, and reads what Ebbtide says of them:
#   examples/kcat.sh send < measurements.jsonl      # each line a measurement, such as {"feed":"reach","ts":1577254200,"asn":64500,…}
#   examples/kcat.sh incidents                      # each incident so far, newest revisions last
#   examples/kcat.sh dead                           # what was refused, with the reason
# BROKER (default 127.0.0.1:9092) and PREFIX, as `kafka.prefix`, may be set. It needs kcat and jq.
set -eu
BROKER=${BROKER:-127.0.0.1:9092}
PREFIX=${PREFIX:-}

# The key says which partition a network is in, so it is the entity; the partitioner is that of Kafka's own clients.
keyed() {
    jq --raw-output --compact-output \
        '(if .asn then "asn/\(.asn)" elif .region then "region/\(.region)" else "country/\(.country)" end) + "\t" + tojson'
}

# To the end of the topic: kcat fails where a broker or topic is missing.
from_beginning() { kcat -C -e -q -b "$BROKER" -t "$PREFIX$1" -X isolation.level=read_committed -f "$2"; }

case ${1:-} in
send) keyed | kcat -P -b "$BROKER" -t "${PREFIX}measurements" -K '\t' -X partitioner=murmur2_random -X enable.idempotence=true ;;
incidents) from_beginning incidents '%s\n' | jq --raw-output '"\(.updated_at) \(.state): \(.headline)"' ;;
dead) from_beginning measurements.dead '%h\n  %s\n' ;;
*) echo "usage: $0 send|incidents|dead" >&2; exit 2 ;;
esac
