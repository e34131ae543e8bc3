#include "base/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/die.h"

size_t
deflate_length(const void *p, size_t n)
{
	uLongf length = compressBound(n);
	unsigned char *out = xmalloc(length);

	if (compress2(out, &length, p, n, Z_DEFAULT_COMPRESSION) != Z_OK)
		length = n;
	free(out);
	return length;
}
