#!/bin/sh
# line_full.sh - a peer that stops reading while its window is full: its kernel
# goes on to answer, so that the line looks alive. All on one connection, which
# then holds more than the buffers of a relay.
DF_CONNECTIONS=1
export DF_CONNECTIONS
. "$(dirname "$0")/line_freeze.sh"
