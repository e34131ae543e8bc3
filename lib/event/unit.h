/*
 * Units: symbols of the IANA SenML registries (RFC 8428, RFC 8798) and how
 * they convert, and the table of quantities, share/quantities.csv.
 */
#ifndef SG_EVENT_UNIT_H
#define SG_EVENT_UNIT_H

#include <stddef.h>
#include <stdint.h>

/*
 * unit_known(u, n) - 1 if u[0..n) is a registered symbol: the only ones to
 * write into events.  (unit_ratio also reads MW, MWh, kV and the like.)
 */
int unit_known(const char *u, size_t n);

/*
 * unit_ratio(from, fn, to, tn, mul, div) - value_to = value_from * mul /
 * div, both > 0.  0, or -1 if the units measure different things or the
 * conversion is not a plain factor (Cel and K).
 */
int unit_ratio(const char *from, size_t fn, const char *to, size_t tn,
    int64_t *mul, int64_t *div);

/*
 * unit_energy(power, n) - The unit of power integrated over hours: W -> Wh,
 * kW -> kWh, var -> varh, VA -> VAh; NULL for others.
 */
const char *unit_energy(const char *power, size_t n);

/* unit_power(energy, n) - The other way: Wh -> W, …; NULL for others. */
const char *unit_power(const char *energy, size_t n);

#endif
