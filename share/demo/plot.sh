#!/bin/sh
# plot.sh FILE - Draw feeder_minute.csv (timestamp,feeder,readings,total_w) in
# the terminal, one picture for each feeder and day, 20 minutes a column.
set -eu

LC_ALL=C awk -F, '
# Above the axis a column reaches up to its mean, below it down to it.
function mark(known, mean, level) {
	if (!known || (level > 0 && mean < level) ||
	    (level <= 0 && mean >= level))
		return " "
	return "#"
}
function plot(key,    c, row, rows, top, low, step, level, line,
    part) {
	split(key, part, ",")
	rows = 12
	top = low = 0
	for (c = 0; c < 72; c++) {
		if (!((key, c) in n))
			continue
		mean[c] = sum[key, c] / n[key, c] / 1000
		if (mean[c] > top)
			top = mean[c]
		if (mean[c] < low)
			low = mean[c]
	}
	step = (top - low) / rows
	if (step == 0)
		step = 1
	printf "\nfeeder %s on %s: peak %.1f kW at %s\n\n", part[2], part[1],
	    peak[key] / 1000, peak_at[key]
	for (row = rows; row >= 1; row--) {
		level = low + (row - 0.5) * step
		line = ""
		for (c = 0; c < 72; c++)
			line = line mark((key, c) in n, mean[c], level)
		sub(/ +$/, "", line)
		printf "%7.1f |%s\n", level, line
	}
	line = sprintf("%72s", "")
	gsub(/ /, "-", line)
	printf "     kW +%s\n", line
	printf "        00       03       06       09       12       15" \
	    "       18       21\n"
}
NR > 1 {
	key = substr($1, 1, 10) "," $2
	column = int(substr($1, 12, 2) * 3 + substr($1, 15, 2) / 20)
	if (!(key in peak)) {
		keys[++count] = key
		peak[key] = $4 - 1
	}
	sum[key, column] += $4
	n[key, column]++
	if ($4 > peak[key]) {
		peak[key] = $4
		peak_at[key] = substr($1, 12, 5)
	}
}
END {
	shown = count < 4 ? count : 4
	for (i = 1; i <= shown; i++)
		plot(keys[i])
	if (count > shown)
		printf "\n(%d more not drawn)\n", count - shown
}' "$1"
