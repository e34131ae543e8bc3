/*
 * Doubles as ECMAScript writes them (ECMA-262, Number::toString): the
 * shortest decimal that reads back as the same double, and of those the
 * closest.
 */
#ifndef SG_EVENT_NUMBER_H
#define SG_EVENT_NUMBER_H

#include <stddef.h>

enum { NUMBER_MAX = 26 }; /* longest text, "-1.2345678901234567e-300" */

/*
 * number_text(v, out) - Write v (finite) to out[0..NUMBER_MAX), without a
 * NUL; -0 is "0".  Returns its length.  About 50 ns, any v.
 */
size_t number_text(double v, char *out);

#endif
