#!/bin/sh
# tables.sh sg|awk FROM TO - Four tables in TO, as CSV with rounded figures:
# feeder_minute, phase_15min, substation_hour, meter_day.
#
# sg:  from what the toolkit wrote (minute, phase, hour, day in FROM)
# awk: from readings.csv and meters.csv in FROM, without the toolkit
set -eu

how=$1 from=$2 to=$3
LC_ALL=C
export LC_ALL

# The header rows.
echo timestamp,feeder,readings,total_w >"$to/feeder_minute.csv"
echo window_start,feeder,phase,readings,sum_w,energy_wh,min_w,max_w \
    >"$to/phase_15min.csv"
echo hour,substation,readings,energy_wh,peak_w,peak_at \
    >"$to/substation_hour.csv"
echo meter_id,readings,energy_wh,min_w,max_w,first_max_at >"$to/meter_day.csv"

from_sg() {
	tail -n +2 "$from/minute" >>"$to/feeder_minute.csv"
	# A time of day as in 2000-01-01T17:05:00Z.
	time='function time(date, t) {
		t %= 86400
		return sprintf("%sT%02d:%02d:%02dZ", substr(date, 1, 10),
		    int(t / 3600), int(t / 60) % 60, t % 60)
	}
	BEGIN { FS = OFS = "," }
	NR > 1'
	awk "$time"' { $6 = sprintf("%.3f", $6); print }' "$from/phase" \
	    >>"$to/phase_15min.csv"
	awk "$time"' {
		$4 = sprintf("%.3f", $4)
		$6 = time($1, $6)
		print
	}' "$from/hour" >>"$to/substation_hour.csv"
	awk "$time"' {
		print $1, $2, sprintf("%.3f", $3), $4, $5, time($7, $6)
	}' "$from/day" >>"$to/meter_day.csv"
}

# Minutes are told apart by their text; watts are whole thousandths here, so
# that awk adds whole numbers.
from_awk() {
	awk -F, -v to="$to" '
	function watts(mw) {
		return sprintf("%.15g", mw / 1000)
	}
	function energy(mw) {
		return sprintf("%.3f", mw / 60000)
	}
	{
		sub(/\r$/, "")
	}
	FNR == 1 {
		for (i = 1; i <= NF; i++)
			column[$i] = i
		next
	}
	NR == FNR {
		id = $column["meter_id"]
		feeder[id] = $column["feeder"]
		phase[id] = $column["feeder"] "," $column["phase"]
		substation[id] = $column["substation"]
		next
	}
	{
		time = $1
		id = $2
		mw = sprintf("%.0f", $3 * 1000000) + 0
		minute[time "," feeder[id]] += mw
		minutes[time "," feeder[id]]++
		total[time "," substation[id]] += mw
		totals[time "," substation[id]]++
		quarter = substr(time, 1, 14) \
		    sprintf("%02d", int(substr(time, 15, 2) / 15) * 15) ":00Z"
		k = quarter "," phase[id]
		if (!(k in q) || mw < least[k])
			least[k] = mw
		if (!(k in q) || mw > most[k])
			most[k] = mw
		q[k] += mw
		qs[k]++
		if (!(id in d) || mw < low[id])
			low[id] = mw
		if (!(id in d) || mw > high[id] ||
		    (mw == high[id] && time < at[id])) {
			high[id] = mw
			at[id] = time
		}
		d[id] += mw
		ds[id]++
	}
	END {
		sorted = "sort >>" to
		for (k in minute)
			print k "," minutes[k] "," watts(minute[k]) | \
			    (sorted "/feeder_minute.csv")
		for (k in q)
			print k "," qs[k] "," watts(q[k]) "," energy(q[k]) \
			    "," watts(least[k]) "," watts(most[k]) | \
			    (sorted "/phase_15min.csv")
		for (k in total) {
			time = substr(k, 1, 20)
			h = substr(k, 1, 13) ":00:00Z" substr(k, 21)
			if (!(h in hour) || total[k] > peak[h] ||
			    (total[k] == peak[h] && time < peak_at[h])) {
				peak[h] = total[k]
				peak_at[h] = time
			}
			hour[h] += total[k]
			hours[h] += totals[k]
		}
		for (h in hour)
			print h "," hours[h] "," energy(hour[h]) "," \
			    watts(peak[h]) "," peak_at[h] | \
			    (sorted "/substation_hour.csv")
		for (id in d)
			print id "," ds[id] "," energy(d[id]) "," \
			    watts(low[id]) "," watts(high[id]) "," at[id] | \
			    (sorted "/meter_day.csv")
	}' "$from/meters.csv" "$from/readings.csv"
}

case $how in
sg) from_sg ;;
awk) from_awk ;;
*) exit 64 ;;
esac
