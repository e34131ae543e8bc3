#!/bin/sh
# unit.sh LOGS PROGRAM - Run a unit test; what it says goes to LOGS/NAME.
log=$1/${2##*/}
timeout 300 "$2" >"$log" 2>&1 || echo "$2: failed" >>"$log"
