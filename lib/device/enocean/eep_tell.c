#include "device/enocean/eep_part.h"

enum { CHANNELS_MAX = 256 };

const struct quantities *
eep_quantities(const struct eep *eep)
{
	return eep->quantities;
}

const struct quantity *
eep_field_quantity(const struct eep_field *f, size_t i, int *channel)
{
	size_t scales = f->factors * f->choices;

	for (size_t u = 0; u < f->uses; u++) {
		const struct eep_use *use = &f->use[u];

		*channel = use->channel;
		if (use->quantity != NULL && i-- == 0)
			return use->quantity;
		for (size_t s = 0; use->quantity == NULL && s < scales; s++)
			if (f->scale[s].quantity != NULL && i-- == 0)
				return f->scale[s].quantity;
	}
	return NULL;
}

int
eep_message_channels(const struct eep_message *m)
{
	const struct eep_field *f = m->channel;
	int64_t most;

	if (f == NULL)
		return 0;
	most = f->has_range ? f->high + 1
	    : f->size < 8   ? 1 << f->size
			    : CHANNELS_MAX;
	return most < CHANNELS_MAX ? (int)most : CHANNELS_MAX;
}

int
eep_profile_lacks(const struct eep_profile *p, const struct quantity *q)
{
	for (size_t i = 0; i < p->lacking; i++)
		if (p->lacks[i] == q)
			return 1;
	return 0;
}
