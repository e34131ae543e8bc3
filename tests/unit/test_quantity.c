/* The registry of quantities: what ships, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "event/quantity.h"

static const struct {
	const char *name, *unit;
	enum quantity_kind kind;
} shipped[] = {
	{ "Power", "W", QUANTITY_NUMBER },
	{ "EnergyImport", "kWh", QUANTITY_NUMBER },
	{ "Temperature", "Cel", QUANTITY_NUMBER },
	{ "Humidity", "%RH", QUANTITY_NUMBER },
	{ "Contact", "", QUANTITY_BOOL },
	{ "Occupancy", "", QUANTITY_BOOL },
	{ "Switch", "", QUANTITY_BOOL },
	{ "Button", "", QUANTITY_TEXT },
	{ "DeviceError", "", QUANTITY_TEXT },
};

static void
test_shipped(void)
{
	static const char *const absent[] = { "", "Powe", "Powers", "power",
		"Zzz", "quantity" };
	struct buf why = { 0 };
	struct quantities *q = quantities_open(NULL, &why);

	check(q != NULL, "shipped: %s", buf_cstr(&why));
	if (q == NULL)
		return;
	for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
		const char *name = shipped[i].name;
		const struct quantity *got =
		    quantity_find(q, name, strlen(name));

		check(got != NULL && strcmp(got->name, name) == 0 &&
			strcmp(got->unit, shipped[i].unit) == 0 &&
			got->kind == shipped[i].kind && *got->description,
		    "shipped(%s): absent or another", name);
	}
	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
		check(quantity_find(q, absent[i], strlen(absent[i])) == NULL,
		    "shipped(%s): found", absent[i]);
	check(quantity_find(q, "Power", 3) == NULL, "shipped(Pow): length");
	quantities_close(q);
	buf_fini(&why);
}

#define HEAD "quantity,unit,kind,description\n"

/* The reason behind the file's name; NULL: it is read. */
static const struct {
	const char *text, *why;
} tables[] = {
	{ HEAD "A,W,number,x\nB,,bool,x\n", NULL },
	{ "kind,quantity,unit,description\n", ":1: no table of quantities" },
	{ "", ":1: no row that names the columns" },
	{ "quantity,unit,description\n", ":1: column absent: kind" },
	{ HEAD "A,W,counter,x\n", ":2: kind: has to be number, bool or text" },
	{ HEAD "A,MW,number,x\n", ":2: the unit is not registered" },
	{ HEAD "A,,number,x\n", ":2: the unit is not registered" },
	{ HEAD "A,W,bool,x\n", ":2: only numbers have a unit" },
	{ HEAD "A B,W,number,x\n", ":2: the name does not fit into a topic" },
	{ HEAD "A/B,W,number,x\n", ":2: the name does not fit into a topic" },
	{ HEAD ",W,number,x\n", ":2: the name does not fit into a topic" },
	{ HEAD "B,W,number,x\nA,W,number,x\nB,,text,x\n", ": given twice: B" },
	{ HEAD "A,W,number,x,y\n", ":2: 5 cells, but only 4 columns" },
};

static void
test_tables(void)
{
	char path[] = "/tmp/test_quantity.XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0, "tables: no file");
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		const char *want = tables[i].why, *text = tables[i].text;
		struct buf why = { 0 };
		struct quantities *q;
		FILE *f = fopen(path, "w");

		check(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0,
		    "tables: not written");
		q = quantities_open(path, &why);
		check((q == NULL) == (want != NULL), "tables(%zu): %s", i,
		    want != NULL ? "read" : buf_cstr(&why));
		check(q != NULL ||
			(strncmp(buf_cstr(&why), path, sizeof path - 1) == 0 &&
			    strcmp(why.p + sizeof path - 1, want) == 0),
		    "tables(%zu): %s, not %s", i, buf_cstr(&why), want);
		quantities_close(q);
		buf_fini(&why);
	}
	unlink(path);
	close(fd);
}

static void
test_absent(void)
{
	struct buf why = { 0 };

	check(quantities_open("/tmp/absent/quantities.csv", &why) == NULL &&
		strcmp(buf_cstr(&why),
		    "/tmp/absent/quantities.csv: "
		    "No such file or directory") == 0,
	    "absent: %s", buf_cstr(&why));
	buf_fini(&why);
}

int
main(void)
{
	setenv("SG_SHARE", "share", 1);
	test_shipped();
	test_tables();
	test_absent();
	return check_done();
}
