#include <string.h>

#include "check.h"
#include "network.h"
#include "trust/identity.h"

int
main(void)
{
	struct network n;
	struct identity id = { 0 };
	const char *why = NULL;
	int status = 0;

	network_init(&n);
	network_issue(&n,
	    &(struct network_wish){ .subject = "area/ca",
		.role = CERT_ISSUER,
		.scope = { "A/#" },
		.subjects = { "area/#" } });
	network_issue(&n,
	    &(struct network_wish){ .subject = "area/flat",
		.issuer = "area/ca",
		.pub = { "A/flat/#" },
		.via = { "area/flat/+" } });
	network_issue(&n,
	    &(struct network_wish){ .subject = "broker-a",
		.role = CERT_BROKER,
		.names = { "broker-a", "localhost" } });
	struct identity_options given = { .trust = n.dir, .pass_fd = -1 };
	given.key = network_path(&n, "keys/", "area/flat", ".key");
	check(identity_open(&id, &given, &status, &why) == 1, "open: %s", why);
	identity_close(&id);
	network_revoke(&n, NULL, "area/ca", n.now, 1);
	check(identity_open(&id, &given, &status, &why) == -1, "open");
	network_fini(&n);
	return check_done();
}
