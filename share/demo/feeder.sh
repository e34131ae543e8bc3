#!/bin/sh
# feeder.sh [--insecure] [DIR] - A day of a low-voltage feeder: publish the
# readings of all meters, aggregate them in four ways, and check every figure.
#
# Every program has a key of its own, and may do what its certificate says, in
# a network that is made on the spot; with --insecure there are no keys.
#
# DIR/readings.csv	timestamp,meter_id,power_kw	(timestamps in UTC:
#			2000-01-01T00:00:00Z, one reading each minute)
# DIR/meters.csv	meter_id,substation,feeder,phase and any other columns
# DIR/expected/*.csv	results to compare with, if there are any
#
# Cells without quotes, please: the check by awk splits rows at the commas.
#
# Without DIR a feeder of 55 made-up households is used (make-feeder).  Every
# line below that begins with "sg-" can be typed at a terminal just so.
set -eu

secure=yes
if [ "${1:-}" = --insecure ]; then
	secure=
	shift
fi

here=$(cd "$(dirname "$0")" && pwd)
PATH=${SG_BIN:-$here/../../bin}:$PATH
LC_ALL=C
export PATH LC_ALL

# A place of our own, gone at the end together with the broker.
tmp=$(mktemp -d "${TMPDIR:-/tmp}/sg-demo.XXXXXX")
broker=
# shellcheck disable=SC2317	# by the trap
leave() {
	if [ -n "$broker" ]; then
		kill "$broker" 2>/dev/null || :
		wait "$broker" 2>/dev/null || :
	fi
	rm -rf "$tmp"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

dir=${1:-$tmp/feeder}
[ $# -gt 0 ] || "$here/make-feeder" "$dir"
for file in meters readings; do
	if ! [ -r "$dir/$file.csv" ]; then
		echo "feeder.sh: no $dir/$file.csv" >&2
		exit 66
	fi
done
meters=$dir/meters.csv
readings=$dir/readings.csv
for column in meter_id substation feeder phase; do
	if ! head -n 1 "$meters" | tr -d '\r' | tr , '\n' |
	    grep -qx "$column"; then
		echo "feeder.sh: $meters has no column $column" >&2
		exit 65
	fi
done
if ! head -n 1 "$readings" | grep -q '^timestamp,meter_id,power_kw'; then
	echo "feeder.sh: $readings does not begin with" \
	    "timestamp,meter_id,power_kw" >&2
	exit 65
fi

# Readings that are not ordered by time need all the patience there is.
grace=5s
tail -n +2 "$readings" | sort -c -t, -k1,1 2>/dev/null || grace=520w

begin() {
	begun=$(date +%s%N)
}

# took EVENTS - Seconds since begin, and the rate.
took() {
	awk -v ns=$(($(date +%s%N) - begun)) -v n="$1" 'BEGIN {
		printf "%.2f s, %d events/s", ns / 1e9, n / (ns / 1e9) }'
}

# 1. A network, with a key and the rights it needs for each program.
unset SG_TRUST SG_KEY
broker_key=''
meters_key=''
analyst_key=''
if [ -n "$secure" ]; then
	export SG_TRUST="$tmp/net"
	sg-trust init -q "$SG_TRUST"
	sg-trust issue -q broker --role broker
	sg-trust issue -q meters --pub 'MEASUREMENT/METER/#'
	sg-trust issue -q analyst --subs 'MEASUREMENT/METER/#'
	broker_key=$SG_TRUST/keys/broker.key
	meters_key=$SG_TRUST/keys/meters.key
	analyst_key=$SG_TRUST/keys/analyst.key
fi

# 2. A broker.  It writes a line to the pipe when it is ready.
export SG_BROKER="ipc://$tmp/socket"
mkfifo "$tmp/ready"
SG_KEY=$broker_key sg-broker -q -l "$SG_BROKER" -d "$tmp/log" \
    --ready-fd 3 3>"$tmp/ready" &
broker=$!
read -r _ <"$tmp/ready"

# 3. Each row becomes an event and goes to the broker, which has it on its
# disk before it says so.
begin
sg-csv -t 'MEASUREMENT/METER/{meter_id}/Load' --time timestamp \
    --value power_kw --unit kW "$readings" |
    SG_KEY=$meters_key sg-pub
events=$(($(wc -l <"$readings") - 1))
published=$(took $events)

# 4. Whoever is interested subscribes and makes of it what he needs.
load='MEASUREMENT/METER/{meter}/Load'
begin
export SG_KEY="$analyst_key"

# Per feeder and minute: the sum.
sg-sub -e 'MEASUREMENT/METER/+/Load' |
    sg-aggregate -W 1m --grace $grace --from "$load" --join "$meters" \
	--to 'AGGREGATE/{feeder}/Load/60s' |
    sg-csv --to-csv -t 'AGGREGATE/{feeder}/Load/60s' \
	--columns 't,{feeder},n,v' >"$tmp/minute"

# Per phase and quarter of an hour: sum, energy, extremes.
sg-sub -e 'MEASUREMENT/METER/+/Load' |
    sg-aggregate -W 15m --grace $grace --from "$load" --join "$meters" \
	--to 'AGGREGATE/{feeder}/{phase}/Load/900s' \
	--stat sum,energy,min,max --interval 1m |
    sg-csv --to-csv -t 'AGGREGATE/{feeder}/{phase}/Load/900s' \
	--columns 't,{feeder},{phase},n,m.sum,m.energy,m.min,m.max' \
	>"$tmp/phase"

# Per substation and hour: energy, and the highest minute of the sum over all
# meters, for which the minutes are summed first.
sg-sub -e 'MEASUREMENT/METER/+/Load' |
    sg-aggregate -W 1m --grace $grace --from "$load" --join "$meters" \
	--to 'AGGREGATE/{substation}/Load/60s' |
    sg-aggregate -W 1h --grace $grace --stat energy,max,max_at --interval 1m \
	--from 'AGGREGATE/{substation}/Load/60s' \
	--to 'AGGREGATE/{substation}/Load/3600s' |
    sg-csv --to-csv -t 'AGGREGATE/{substation}/Load/3600s' \
	--columns 't,{substation},n,m.energy,m.max,m.max_at' >"$tmp/hour"

# Per meter and day.
sg-sub -e 'MEASUREMENT/METER/+/Load' |
    sg-aggregate -W 1d --grace $grace --from "$load" \
	--to 'AGGREGATE/{meter}/Load/1d' \
	--stat energy,min,max,max_at --interval 1m |
    sg-csv --to-csv -t 'AGGREGATE/{meter}/Load/1d' \
	--columns '{meter},n,m.energy,m.min,m.max,m.max_at,t' >"$tmp/day"
aggregated=$(took $((4 * events)))

# 5. The same once more by awk, straight from the two files, as a check that
# shares nothing with the above; then compare.
mkdir "$tmp/sg" "$tmp/awk"
"$here/tables.sh" sg "$tmp" "$tmp/sg"
"$here/tables.sh" awk "$dir" "$tmp/awk"

status=0

# compare TABLE TITLE - With awk's table and with the expected one.
compare() {
	rows=$(($(wc -l <"$tmp/sg/$1.csv") - 1))
	verdict="equal to awk's"
	if ! diff "$tmp/awk/$1.csv" "$tmp/sg/$1.csv" >"$tmp/diff"; then
		verdict="DIFFERENT from awk's: $(sed -n 2p "$tmp/diff")"
		status=1
	fi
	if [ -e "$dir/expected/$1.csv" ]; then
		if diff "$dir/expected/$1.csv" "$tmp/sg/$1.csv" \
		    >"$tmp/diff"; then
			verdict="$verdict and to the expected ones"
		else
			verdict="$verdict, DIFFERENT from the expected: $(
			    sed -n 2p "$tmp/diff")"
			status=1
		fi
	fi
	printf '  %6d windows  %-32s %s\n' "$rows" "$2" "$verdict"
}

{
	printf '%d readings of %d meters\n' "$events" \
	    $(($(wc -l <"$meters") - 1))
	if [ -n "$secure" ]; then
		printf '  every program with its key, all between them encrypted\n'
	else
		printf '  --insecure: no keys, plain text\n'
	fi
	printf '  sg-csv | sg-pub           %s\n' "$published"
	printf '  sg-sub | sg-aggregate x4  %s\n' "$aggregated"
	compare feeder_minute 'sum of each feeder and minute'
	compare phase_15min 'phases by quarter of an hour'
	compare substation_hour 'substations by hour'
	compare meter_day 'meters by day'
	"$here/plot.sh" "$tmp/sg/feeder_minute.csv"
	[ $status -ne 0 ] || printf '\nall figures are equal\n'
} >"$tmp/account"
cat "$tmp/account"
[ $status -eq 0 ] || echo 'feeder.sh: figures differ' >&2
exit $status
