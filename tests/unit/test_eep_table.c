/* The profile table: what is refused, what ships, what quantities mean. */
#include <math.h>
#include <unistd.h>

#include "check.h"
#include "device/enocean/eep_part.h"
#include "event/csv.h"

#include <stdlib.h>
#include <string.h>

static struct quantities *quantities;
static char folder[] = "/tmp/test_eep_table.XXXXXX";

static void
write_file(const char *name, const char *text, char *path, size_t n)
{
	FILE *f;

	snprintf(path, n, "%s/%s", folder, name);
	f = fopen(path, "w");
	check(f != NULL, "%s: not written", path);
	if (f == NULL)
		return;
	fputs(text, f);
	fclose(f);
}

#define HEAD                                                              \
	"profile,message,when,field,name,bits,range,unit,rules,quantity," \
	"values\n"
#define GOOD HEAD "D2-7F-01,main,,TMP,temperature,0:8,0..250 = 0..50,Cel,,"

/* Behind the name of the file. */
static const struct {
	const char *text, *why;
} refused[] = {
	{ "", ":1: no row that names the columns" },
	{ "name,sender\nx,y\n", ":1: no table of profiles" },
	{ "profile,message\n", ":1: column absent: field" },
	{ "profile,colour\n", ":1: no such column: colour" },
	{ "profile,profile\n", ":1: column given twice: profile" },
	{ "profile,title,message\n", ":1: column of another table: message" },
	{ "profile,title\nA5-0201,x\n",
	    ":2: profile: has to be like A5-12-01: \"A5-0201\"" },
	{ "profile,title,channels\nD2-7F-01,x,many\n",
	    ":2: channels: has to be a number up to 128: \"many\"" },
	{ "profile,title,same_as\nD2-7F-01,x,A5-02-05\n",
	    ":2: same_as: has to be another profile of this RORG: "
	    "\"A5-02-05\"" },
	{ "profile,title\nD2-7F-01,x\n",
	    ": profile without a message: D2-7F-01" },
	{ "profile,title,same_as\nD2-7F-01,x,D2-7F-02\n",
	    ": profile without a message: D2-7F-01" },
	{ HEAD "D2-7F,main,,A,a,0:8\n",
	    ":2: profile: has to be like A5-12-01: \"D2-7F\"" },
	{ HEAD "D2-7F-01,ma in,,A,a,0:8\n",
	    ":2: message: letters, digits and _ make a name: \"ma in\"" },
	{ HEAD "D2-7F-01,m,0:4,A,a,0:8\n", ":2: when: no condition: \"\"" },
	{ HEAD "D2-7F-01,m,0:4=16,A,a,0:8\n", ":2: when: no condition: \"\"" },
	{ HEAD "D2-7F-01,m,len=0,A,a,0:8\n", ":2: when: no condition: \"\"" },
	{ HEAD "D2-7F-01,m,dir=3,A,a,0:8\n", ":2: when: no condition: \"\"" },
	{ HEAD "D2-7F-01,m,s8:1=1,A,a,0:8\n", ":2: when: no condition: \"\"" },
	{ HEAD "D2-7F-01,m,0:1=1;0:2=1,A,a,0:8\n",
	    ":2: when: no condition: \";0:2=1\"" },
	{ HEAD "D2-7F-01,m,len=1,A,a,0:16\n",
	    ":2: when: len= is less than its bits need" },
	{ HEAD "D2-7F-01,m,,A B,a,0:8\n",
	    ":2: field: letters, digits and _ make a name: \"A B\"" },
	{ HEAD "D2-7F-01,m,,A,,0:8\n",
	    ":2: name: letters, digits and _ make a name: \"\"" },
	{ HEAD "D2-7F-01,m,,A,a,8\n",
	    ":2: bits: has to be like 16:8 or 0:4+8:8: \"8\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8 big\n",
	    ":2: bits: has to be like 16:8 or 0:4+8:8: \"0:8 big\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:65\n", ":2: bits: too many: \"0:65\"" },
	{ HEAD "D2-7F-01,m,,A,a,1:64\n", ":2: bits: too many: \"1:64\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:0\n", ":2: bits: too many: \"0:0\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:48+48:48\n",
	    ":2: bits: too many: \"0:48+48:48\"" },
	{ HEAD "D2-7F-01,m,,A,a,4:8 le\n", ":2: bits: too many: \"4:8 le\"" },
	{ HEAD "D2-7F-01,m,,A,a,18446744073709551615:8\n",
	    ":2: bits: has to be like 16:8 or 0:4+8:8: "
	    "\"18446744073709551615:8\"" },
	{ HEAD "D2-7F-01,m,,A,a,4796:8\n", ":2: bits: too many: \"4796:8\"" },
	{ HEAD "A5-7F-01,m,,A,a,30:4\n",
	    ":2: bits: beyond the telegram: \"30:4\"" },
	{ HEAD "D5-7F-01,m,,A,a,8:1\n",
	    ":2: bits: beyond the telegram: \"8:1\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,low\n", ":2: range: no number: \"low\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0-9\n",
	    ":2: range: has to be like 0..255: \"0-9\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..256\n",
	    ":2: range: more than the bits hold: \"0..256\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,-1..1\n",
	    ":2: range: more than the bits hold: \"-1..1\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 1\n",
	    ":2: range: has to be like 0..255 = 0..40: \"0..9 = 1\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,9..9 = 0..1\n",
	    ":2: range: has to be like 0..255 = 0..40: \"9..9 = 0..1\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 5..5\n",
	    ":2: range: has to be like 0..255 = 0..40: \"0..9 = 5..5\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..1 Cel\n",
	    ":2: range: too much: \"0..9 = 0..1 Cel\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9,Cel\n",
	    ":2: unit or rules: only for a range like 0..255 = 0..40: "
	    "\"A\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8 signed\n",
	    ":2: bits: signed without a range: \"0:8 signed\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8 flags,0..9\n",
	    ":2: range: flags have none: \"0..9\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,,unless B=1\n",
	    ":2: rules: neither if F=N, minus F=N nor times F:N|N: "
	    "\"unless B=1\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,,if B=1\n",
	    ":2: rules: the message has no field \"B\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,,if A=1\n",
	    ":2: rules: \"A\" refers to itself" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,,if B=2\n"
	       "D2-7F-01,m,,B,b,8:1\n",
	    ":2: rules: more than the bits of \"B\" hold" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,,times B:1|x\n"
	       "D2-7F-01,m,,B,b,8:1\n",
	    ":2: rules: no factors: \"1|x\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,,,,,off\n",
	    ":2: values: has to be like 0=off|1=on, in letters, digits and "
	    "_: \"off\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,,,,,0=o f\n",
	    ":2: values: has to be like 0=off|1=on, in letters, digits and "
	    "_: \"0=o f\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:1,,,,,2=x\n",
	    ":2: values: more than the bits hold: \"2=x\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,,,,,0..4=x|3=y\n",
	    ":2: values: given twice: \"3=y\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,,,,9=x\n",
	    ":2: values: within the range: \"9=x\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8\nD2-7F-01,m,,A,b,8:8\n",
	    ":3: field: given twice: A" },
	{ HEAD "D2-7F-01,m,,A,a,0:8\nD2-7F-02,m,,A,a,0:8\n"
	       "D2-7F-01,n,,A,a,0:8\n",
	    ":4: profile: its rows have to stand together: \"D2-7F-01\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,,,,,,,\n",
	    ":2: 13 cells, but only 11 columns" },
	{ GOOD "Tempreature\n",
	    ":2: quantity: not registered: "
	    "\"Tempreature\"" },
	{ GOOD "Power\n",
	    ":2: unit: \"Cel\" cannot be converted to W of Power" },
	{ GOOD "Contact\n",
	    ":2: quantity: a bool needs = with a label, or > "
	    "with a number: \"Contact\"" },
	{ GOOD "Contact=closed,255=closed\n",
	    ":2: quantity: = needs values: \"Contact=closed\"" },
	{ GOOD "RoomMode\n",
	    ":2: quantity: a text needs values: \"RoomMode\"" },
	{ GOOD "Temperature!off\n",
	    ":2: quantity: no such label, or not understood: "
	    "\"Temperature!off\"" },
	{ GOOD "Temperature Temperature\n",
	    ":2: quantity: a number has to be the first: \"Temperature\"" },
	{ GOOD "Temperature:128\n",
	    ":2: quantity: no such label, or not understood: "
	    "\"Temperature:128\"" },
	{ GOOD ":channel\n",
	    ":2: quantity: a channel has to be raw: \":channel\"" },
	{ GOOD "DT:Temperature|Power\n",
	    ":2: the message has no such field: \"DT\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,B:W|kWh,,C:Power|EnergyImport\n"
	       "D2-7F-01,m,,B,b,8:1\nD2-7F-01,m,,C,c,9:1\n",
	    ":2: unit and quantity have to follow the same field: \"C\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9,B:W|kWh,,B:Power|Button\n"
	       "D2-7F-01,m,,B,b,8:1\n",
	    ":2: quantity: no number: \"Button\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,,,,Contact=open,0=closed|1=closed\n",
	    ":2: quantity: no such label, or not understood: "
	    "\"Contact=open\"" },
	{ HEAD "D2-7F-01,m,,A,a,0:4,,,,:channel\n"
	       "D2-7F-01,m,,B,b,4:4,,,,:channel\n",
	    ":3: quantity: a second channel" },
	{ HEAD "D2-7F-01,m,,A,a,0:8,0..9 = 0..9999999999999\n",
	    ":2: range: has to be like 0..255 = 0..40: "
	    "\"0..9 = 0..9999999999999\"" },
	{ HEAD "D2-7F-01,m,,A,\"a\n", ":2: " },
};

static void
test_refusals(void)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct eep *eep = eep_open(quantities);
		struct buf why = { 0 };
		char path[4096];
		size_t n;
		int r;

		write_file("x.csv", refused[i].text, path, sizeof path);
		n = strlen(path);
		r = eep_read(eep, path, &why);
		check(r < 0, "refused(%zu): read", i);
		check(strncmp(buf_cstr(&why), path, n) == 0 &&
			strncmp(why.p + n, refused[i].why,
			    strlen(refused[i].why)) == 0,
		    "refused(%zu): %s, not %s", i, why.p, refused[i].why);
		unlink(path);
		buf_fini(&why);
		eep_close(eep);
	}
}

/* A later table takes the place of an earlier one. */
static void
test_replacing(void)
{
	const uint8_t bytes[2] = { 100, 1 };
	const struct telegram tel = { .p = bytes, .n = 2 };
	struct eep *eep = eep_open(quantities);
	struct buf why = { 0 };
	const struct eep_profile *p, *same;
	struct eep_value v;
	char path[4096];

	write_file("x.csv", GOOD "Temperature\n", path, sizeof path);
	check(eep_read(eep, path, &why) == 0, "replacing: %s", buf_cstr(&why));
	write_file("x.csv",
	    "profile,title,same_as,channels\nD2-7F-02,two,D2-7F-01,3\n", path,
	    sizeof path);
	check(eep_read(eep, path, &why) == 0, "replacing: %s", buf_cstr(&why));
	p = eep_find(eep, 0xD27F01);
	same = eep_find(eep, 0xD27F02);
	check(p != NULL && same != NULL && eep_at(eep, 1) == same &&
		eep_at(eep, 2) == NULL,
	    "replacing: not two profiles");
	check(eep_message_at(same, 0) == eep_message_at(p, 0),
	    "replacing: not the same messages");
	check(eep_profile_channels(same) == 3 &&
		strcmp(eep_profile_title(same), "two") == 0,
	    "replacing: channels or title lost");
	write_file("x.csv",
	    HEAD "D2-7F-01,new,8:8=1,TMP,temperature,0:8,0..200 = -20..20,"
		 "Cel\n",
	    path, sizeof path);
	check(eep_read(eep, path, &why) == 0, "replacing: %s", buf_cstr(&why));
	check(eep_message(same, "main", 4) == NULL &&
		eep_match(same, &tel, EEP_FROM_DEVICE) ==
		    eep_message(p, "new", 3),
	    "replacing: the old message is there");
	eep_value(eep_field(eep_message_at(same, 0), "TMP", 3), &tel, &v);
	check(v.state == EEP_NUMBER && v.units == 0 && v.decimals == 1,
	    "replacing: %lld not 0.0", (long long)v.units);
	unlink(path);
	buf_fini(&why);
	eep_close(eep);
}

/* What payloads of shipped profiles tell, all quantities in a line. */
static const struct {
	const char *profile, *payload, *status, *want;
} told[] = {
	{ "A5-02-05", "00005508", "00", "Temperature=26.666667 Cel" },
	{ "A5-04-01", "00FAFA0A", "00",
	    "Humidity=100.0 %RH Temperature=40.00 Cel" },
	{ "A5-04-01", "00FAFA08", "00", "Humidity=100.0 %RH" },
	{ "A5-04-01", "00FBFB0A", "00", "Humidity=BAD Temperature=BAD" },
	{ "A5-12-01", "0114DA09", "00", "0: EnergyImport=7087.4 kWh" },
	{ "A5-12-01", "00021C0C", "00", "0: Power=540 W" },
	{ "A5-12-01", "00000E5D", "00", "5: Power=1.4 W" },
	{ "A5-12-01", "0114DA8F", "00", "" },
	{ "A5-12-02", "0003E80D", "00", "0: FlowRate=0.1000 m3/s" },
	{ "A5-12-10", "0003E81C", "00", "1: Current=1.000 A" },
	{ "D2-01-09", "0460E4", "00",
	    "0: PowerFailure=0 OverCurrent=0 LocalControl=1 Dimming=100 /100 "
	    "Switch=1" },
	{ "D2-01-09", "046180", "00",
	    "1: PowerFailure=0 OverCurrent=0 LocalControl=1 Dimming=0 /100 "
	    "Switch=0" },
	{ "D2-01-09", "0481FF", "00",
	    "1: PowerFailure=0 OverCurrent=1 DeviceError=ok LocalControl=1" },
	{ "D2-01-09", "071E00000E10", "00", "EnergyImport=0.001000000 kWh" },
	{ "D2-01-09", "072200000E10", "00", "2: EnergyImport=3.600 kWh" },
	{ "D2-01-09", "078200000001", "00", "2: Power=1000 W" },
	{ "D2-01-09", "07A200000001", "00", "2: " },
	{ "D2-32-02", "400090050120", "00",
	    "PowerFailure=0 Current:1=0.9 A Current:2=0.5 A Current:3=1.8 A" },
	{ "D5-00-01", "09", "00", "Contact=1" },
	{ "D5-00-01", "08", "00", "Contact=0" },
	{ "A5-14-01", "C8000009", "00", "BatteryVoltage=4.00 V Contact=0" },
	{ "A5-14-01", "C8000008", "00", "BatteryVoltage=4.00 V Contact=1" },
	{ "A5-08-01", "00000008", "00",
	    "BatteryVoltage=0.00 V Illuminance=0 lx Temperature=0.0 Cel "
	    "Occupancy=1 OccupancyButton=1" },
	{ "A5-07-01", "00008008", "00", "Occupancy=1" },
	{ "A5-11-05", "00000019", "00",
	    "OperatingMode=mode_1 Switch:1=0 Switch:2=0" },
	{ "A5-11-05", "0000001D", "00",
	    "OperatingMode=mode_1 Switch:1=0 Switch:2=1" },
	{ "F6-02-01", "30", "30", "Button=A0 ButtonPressed=1" },
	{ "F6-02-01", "00", "20", "ButtonsHeld=none ButtonPressed=0" },
	{ "F6-10-00", "F0", "20", "WindowHandle=closed_down HandleClosed=1" },
	{ "A5-20-01", "32530080", "00",
	    "ValvePosition=50 /100 ServiceMode=0 EnergyHarvesting=1 "
	    "EnergyStored=0 "
	    "BatteryLow=0 CoverOpen=0 SensorFailure=0 WindowOpen=1 "
	    "ActuatorObstructed=1 Temperature=0.000000 Cel" },
};

static void
add_number(struct buf *b, int64_t units, int decimals, const char *unit)
{
	int64_t ten = 1;

	for (int i = 0; i < decimals; i++)
		ten *= 10;
	if (units < 0)
		buf_adds(b, "-");
	units = units < 0 ? -units : units;
	buf_addf(b, "%lld", (long long)(units / ten));
	if (decimals > 0)
		buf_addf(b, ".%0*lld", decimals, (long long)(units % ten));
	buf_addf(b, " %s", unit);
}

static void
add_told(struct buf *b, const struct eep_value *v)
{
	if (v->quantity == NULL)
		return;
	if (b->len > 0)
		buf_addc(b, ' ');
	buf_adds(b, v->quantity->name);
	if (v->channel >= 0)
		buf_addf(b, ":%d", v->channel);
	buf_addc(b, '=');
	if (v->quantity->kind == QUANTITY_BOOL && v->truth >= 0)
		buf_addf(b, "%d", v->truth);
	else if (v->quantity->kind == QUANTITY_TEXT && v->state == EEP_LABEL)
		buf_adds(b, v->label);
	else if (v->state == EEP_NUMBER)
		add_number(
		    b, v->event_units, v->event_decimals, v->quantity->unit);
	else
		buf_adds(b, "BAD");
}

static size_t
bytes_of(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[2 * n] != '\0' && hex[2 * n + 1] != '\0'; n++) {
		const char two[3] = { hex[2 * n], hex[2 * n + 1], '\0' };

		out[n] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static void
tell(const struct eep_message *m, const struct telegram *tel, struct buf *b)
{
	for (size_t i = 0; i < eep_fields(m); i++) {
		const struct eep_field *f = eep_field_at(m, i);
		struct eep_value v;

		eep_value(f, tel, &v);
		do
			add_told(b, &v);
		while (eep_value_next(f, &v));
	}
}

/* The channel, and all quantities. */
static void
tell_all(const struct eep_message *m, const struct telegram *tel, struct buf *b)
{
	struct buf quantities_told = { 0 };
	int channel = eep_channel(m, tel);

	tell(m, tel, &quantities_told);
	buf_clear(b);
	if (channel >= 0)
		buf_addf(b, "%d: ", channel);
	buf_add(b, quantities_told.p, quantities_told.len);
	buf_fini(&quantities_told);
}

static void
test_told(const struct eep *eep)
{
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		uint8_t bytes[TELEGRAM_SPACE], status;
		struct telegram tel = { .p = bytes };
		const struct eep_message *m;
		struct buf all = { 0 };
		uint32_t id = 0;

		tel.n = bytes_of(told[i].payload, bytes);
		bytes_of(told[i].status, &status);
		tel.status = status;
		eep_id(told[i].profile, 8, &id);
		m = eep_match(eep_find(eep, id), &tel, EEP_FROM_DEVICE);
		check(m != NULL, "told(%s %s): no message", told[i].profile,
		    told[i].payload);
		if (m == NULL)
			continue;
		tell_all(m, &tel, &all);
		check(strcmp(buf_cstr(&all), told[i].want) == 0,
		    "told(%s %s): \"%s\", not \"%s\"", told[i].profile,
		    told[i].payload, all.p, told[i].want);
		buf_fini(&all);
	}
}

/*
 * The next literal block of the manual, up to its end: 1 with each line, 0.
 */
static int
block_line(FILE *manual, char **line, size_t *size)
{
	ssize_t n = getline(line, size, manual);

	if (n <= 0 || strncmp(*line, ".Ed", 3) == 0)
		return 0;
	(*line)[n - 1] = '\0';
	return 1;
}

static void
skip_to_block(FILE *manual, const char *first, char **line, size_t *size)
{
	while (getline(line, size, manual) > 0)
		if (strncmp(*line, first, strlen(first)) == 0)
			return;
	check(0, "manual: no line %s", first);
}

/* The worked example of sg-eep(5): its table, and what its payloads tell. */
static void
test_manual(void)
{
	struct eep *eep = eep_open(quantities);
	FILE *manual = fopen("man/sg-eep.5", "r");
	struct buf table = { 0 }, why = { 0 }, got = { 0 };
	char path[4096], *line = NULL;
	size_t size = 0, payloads = 0;

	check(manual != NULL, "manual: absent");
	if (manual == NULL)
		return;
	skip_to_block(manual, "profile,message,when", &line, &size);
	do
		buf_adds(&table, line);
	while (getline(&line, &size, manual) > 0 && line[0] != '.');
	write_file("x.csv", buf_cstr(&table), path, sizeof path);
	check(eep_read(eep, path, &why) == 0, "manual: %s", buf_cstr(&why));
	skip_to_block(manual, ".Bd", &line, &size);
	while (eep_at(eep, 0) != NULL && block_line(manual, &line, &size)) {
		uint8_t bytes[4];
		const struct telegram tel = { .p = bytes, .n = 4 };
		const struct eep_message *m;

		line[8] = '\0';
		bytes_of(line, bytes);
		m = eep_match(eep_at(eep, 0), &tel, EEP_FROM_DEVICE);
		check(m != NULL, "manual(%s): no message", line);
		tell_all(m, &tel, &got);
		check(strcmp(buf_cstr(&got), line + 9) == 0,
		    "manual(%s): \"%s\", not \"%s\"", line, got.p, line + 9);
		payloads++;
	}
	check(payloads == 5, "manual: %zu payloads", payloads);
	unlink(path);
	fclose(manual);
	free(line);
	buf_fini(&table);
	buf_fini(&why);
	buf_fini(&got);
	eep_close(eep);
}

/* What is to be set, "FIELD=number" or "FIELD:label", and what it makes. */
static const struct {
	const char *profile, *message, *set, *payload, *status;
} made[] = {
	{ "D2-01-09", "set_output", "IO=1 OV=100", "010164", "00" },
	{ "D2-01-09", "set_output", "IO:all_outputs OV=0", "011E00", "00" },
	{ "D2-01-09", "set_output", "IO=0 DV:dim_timer1 OV=55", "012037",
	    "00" },
	{ "D2-01-09", "status_query", "IO:all_outputs", "031E", "00" },
	{ "D2-01-09", "set_measurement",
	    "RM:query_and_auto ep:power IO=0 MD=10 UN:W MAT=600 MIT=10",
	    "05A0A3003C0A", "00" },
	{ "F6-02-01", "button_press", "R1:A0 EB:pressed", "30", "30" },
	{ "F6-02-01", "release_or_multi", "", "00", "20" },
	{ "A5-38-08", "switching", "SW:on", "01000009", "00" },
	{ "A5-38-08", "dimming", "EDIMREL=50 RMP=1 SW:on", "0232010D", "00" },
	{ "A5-20-01", "command_to_actuator", "TSP=21", "86000408", "00" },
	{ "A5-20-01", "command_to_actuator", "SP=50", "32000008", "00" },
	{ "D2-05-00", "goto_position_angle", "POS=50 ANG:no_change CHN=0",
	    "327F0001", "00" },
	{ "D2-05-00", "stop", "CHN:all", "F2", "00" },
	{ "A5-13-08", "main", "RFA=-1.5 RFC=7", "0F000708", "00" },
	{ "A5-13-08", "main", "RFA=1.5", "4F000008", "00" },
	{ "D2-A0-01", "request", "REQ:close", "01", "00" },
	{ "A5-12-01", "main", "TI=5 MR=1.4 DT:current DIV:x0p1", "00000E5D",
	    "00" },
	/* refused: the reason */
	{ "D2-01-09", "set_output", "OV=120", NULL,
	    "OV: 120 is not within 0 to 100 /100" },
	{ "D2-01-09", "set_output", "OV=-1", NULL,
	    "OV: -1 is not within 0 to 100 /100" },
	{ "D2-01-09", "set_output", "OV=nan", NULL,
	    "OV: nan is not within 0 to 100 /100" },
	{ "D2-01-09", "set_output", "IO=1.5", NULL,
	    "IO: 1.5 is no whole number of 5 bits" },
	{ "D2-01-09", "set_output", "IO=32", NULL,
	    "IO: 32 is no whole number of 5 bits" },
	{ "D2-05-00", "stop", "CHN=4", NULL, "CHN: 4 is not within 0 to 3" },
	{ "D2-01-09", "set_output", "DV=7", NULL, "DV: 7 stands for nothing" },
	{ "D2-01-09", "set_output", "DV:fast", NULL,
	    "DV: no value is called \"fast\"" },
	{ "D2-01-09", "set_output", "CMD=2", NULL,
	    "CMD: 2 is not within 1 to 1" },
	{ "A5-20-01", "command_to_actuator", "SPS:valve_position TSP=21", NULL,
	    "TSP: only there when SPS is 1" },
	{ "D2-01-09", "set_measurement", "UN=5 MD=1", NULL,
	    "UN: 5 stands for nothing" },
};

static size_t
parse_set(
    const struct eep_message *m, const char *text, struct eep_setting *set)
{
	size_t n = 0;

	while (*text != '\0') {
		size_t name = strcspn(text, "=:");
		const char *value = text + name + 1;
		size_t len = strcspn(value, " ");

		set[n] =
		    (struct eep_setting){ .field = eep_field(m, text, name) };
		check(set[n].field != NULL, "made(%s): no field", text);
		if (set[n].field == NULL)
			return 0;
		if (text[name] == ':') {
			set[n].label = value;
			set[n].n = len;
		} else {
			set[n].number = strtod(value, NULL);
		}
		n++;
		text = value + len + (value[len] == ' ');
	}
	return n;
}

static void
test_made(const struct eep *eep)
{
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		uint8_t p[TELEGRAM_SPACE], want[16], status;
		const struct eep_message *m;
		struct eep_setting set[8];
		const char *why = "";
		size_t len, n;
		uint32_t id = 0;
		int r;

		eep_id(made[i].profile, 8, &id);
		m = eep_message(eep_find(eep, id), made[i].message,
		    strlen(made[i].message));
		check(m != NULL, "made(%s): no message", made[i].message);
		if (m == NULL)
			continue;
		n = parse_set(m, made[i].set, set);
		r = eep_encode(m, set, n, p, &len, &why);
		if (made[i].payload == NULL) {
			check(r < 0 && strcmp(why, made[i].status) == 0,
			    "made(%s): %s, not %s", made[i].set,
			    r < 0 ? why : "made", made[i].status);
			continue;
		}
		bytes_of(made[i].status, &status);
		check(r == 0, "made(%s): %s", made[i].set, why);
		check(len == bytes_of(made[i].payload, want) &&
			memcmp(p, want, len) == 0 && eep_status(m) == status,
		    "made(%s): not %s: %02X%02X%02X%02X %zu", made[i].set,
		    made[i].payload, p[0], p[1], p[2], p[3], len);
	}
}

/* Payloads that end early: no field reads behind the end. */
static void
test_short(const struct eep *eep)
{
	for (size_t i = 0; eep_at(eep, i) != NULL; i++) {
		const struct eep_message *m;

		for (size_t j = 0;
		     (m = eep_message_at(eep_at(eep, i), j)) != NULL; j++)
			for (size_t k = 0; k < eep_fields(m); k++) {
				const struct telegram tel = { .p = NULL };
				struct eep_value v;

				check(eep_value(eep_field_at(m, k), &tel, &v) ==
					EEP_ABSENT,
				    "short(%s): not absent",
				    eep_field_shortcut(eep_field_at(m, k)));
				check(eep_channel(m, &tel) == -1,
				    "short: a channel");
			}
	}
}

/* How much ships; profiles that share messages count theirs once. */
static void
count(const struct eep *eep)
{
	size_t profiles = 0, own = 0, messages = 0, fields = 0, told_of = 0;

	for (; eep_at(eep, profiles) != NULL; profiles++) {
		const struct eep_profile *p = eep_at(eep, profiles);

		if (p->same != NULL)
			continue;
		own++;
		messages += p->messages;
		for (size_t i = 0; i < p->messages; i++) {
			const struct eep_message *m = p->message[i];

			fields += m->fields;
			for (size_t j = 0; j < m->fields; j++)
				told_of += m->field[j].uses > 0;
		}
	}
	check(profiles >= 284 && own >= 235, "count: only %zu profiles",
	    profiles);
	printf("test_eep_table: %zu profiles, %zu of them with messages of "
	       "their own: %zu messages, %zu fields, %zu tell quantities\n",
	    profiles, own, messages, fields, told_of);
}

/* The rows of the test data: every profile, message and field is there. */
static void
test_coverage(const struct eep *eep)
{
	const char *data = getenv("SG_TEST_DATA");
	const struct csv_cell *c;
	char path[4096];
	size_t n, rows = 0;
	struct csv *csv;

	snprintf(path, sizeof path, "%s/enocean/eep.csv",
	    data != NULL ? data : "../shared/data");
	csv = csv_open(path, ',');
	if (csv == NULL) {
		printf("test_eep_table: no coverage: %s is not there\n", path);
		return;
	}
	csv_next(csv, &c, &n);
	while (csv_next(csv, &c, &n) == 1 && n > 9) {
		const struct eep_profile *p = NULL;
		const struct eep_message *m;
		uint32_t id;

		if (eep_id(c[0].p, c[0].n, &id) == 0)
			p = eep_find(eep, id);
		check(p != NULL, "coverage(%.*s): absent", (int)c[0].n, c[0].p);
		if (p == NULL || c[5].n == 0)
			continue;
		m = eep_message(p, c[2].p, c[2].n);
		check(m != NULL && eep_field(m, c[5].p, c[5].n) != NULL,
		    "coverage(%.*s %.*s %.*s): absent", (int)c[0].n, c[0].p,
		    (int)c[2].n, c[2].p, (int)c[5].n, c[5].p);
		rows++;
	}
	csv_close(csv);
	check(rows > 2000, "coverage: only %zu rows", rows);
	printf("test_eep_table: %zu rows of %s are there\n", rows, path);
}

int
main(void)
{
	struct buf why = { 0 };
	struct eep *eep;

	quantities = quantities_open("share/quantities.csv", &why);
	check(quantities != NULL, "quantities: %s", buf_cstr(&why));
	check(mkdtemp(folder) != NULL, "%s: not made", folder);
	if (quantities == NULL)
		return check_done();
	eep = eep_open(quantities);
	test_refusals();
	test_replacing();
	test_manual();
	if (eep_read(eep, "share/eep", &why) == 0) {
		test_told(eep);
		test_made(eep);
		test_short(eep);
		test_coverage(eep);
		count(eep);
	} else {
		check(0, "read: %s", buf_cstr(&why));
	}
	rmdir(folder);
	eep_close(eep);
	quantities_close(quantities);
	buf_fini(&why);
	return check_done();
}
