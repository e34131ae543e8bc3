#include <sys/stat.h>

#include "check.h"
#include "commanded.h"
#include "device/enocean/actuator_part.h"
#include "device/enocean/chain.h"

/*
 * A scenario is lines of
 *
 *	c ID TTL TOPIC BODY	a command, src and seq added
 *	l LINE			a line as it is
 *	= LINE			what was said next
 *	> HEX STATUS FROM>TO	what was sent next
 *	d SENDER HEX		a device's telegram: RORG and payload
 *	r CODE			the module's response to the telegram in flight
 *	t MILLISECONDS		time passes
 *	w MILLISECONDS		it passes by the wall clock only
 *	q			the program is to end; Q: it ends
 *	up, down		the line comes and goes
 *	e HEX			an event of the module
 *
 * in which nothing else may be said or sent.  A line "= ...*" says how it
 * begins.
 */
struct scenario {
	const char *title, *devices, *script;
};

/* The refusals come first. */
static const struct scenario scenarios[] = {
	{ "what came after its time is not sent", "01020304,D2-01-0B,plug\n",
	    "l {\"topic\":\"COMMAND/plug/switch\",\"t\":1795388300,"
	    "\"id\":\"c1\",\"ttl\":99,\"src\":\"op\",\"seq\":1,\"vb\":true}\n"
	    "= c1 expired: came after its time\n" },
	{ "no ttl", "01020304,D2-01-0B,plug\n",
	    "l {\"topic\":\"COMMAND/plug/switch\",\"t\":1795388400,"
	    "\"id\":\"c1\",\"src\":\"op\",\"seq\":1,\"vb\":true}\n"
	    "= c1 rejected: *\n" },
	{ "no id", "01020304,D2-01-0B,plug\n",
	    "l {\"topic\":\"COMMAND/plug/switch\",\"t\":1795388400,"
	    "\"ttl\":10,\"src\":\"op\",\"seq\":1,\"vb\":true}\n"
	    "=  rejected: *\n" },
	{ "ahead of its time", "01020304,D2-01-0B,plug\n",
	    "l {\"topic\":\"COMMAND/plug/switch\",\"t\":1795388500,"
	    "\"id\":\"c1\",\"ttl\":10,\"src\":\"op\",\"seq\":1,\"vb\":true}\n"
	    "= c1 rejected: *\n" },
	{ "an id is taken once", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "c c1 9 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 rejected: *\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D20460E4\n"
	    "= c1 completed\n" },
	{ "unknown device", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plugg/switch \"vb\":true\n"
	    "= not ours\n"
	    "= c1 rejected: \"plugg\": no such device\n" },
	{ "topic without a verb", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 rejected: the topic is not COMMAND/DEVICE/VERB\n"
	    "c c2 9 COMMAND/plug/switch/now \"vb\":true\n"
	    "= c2 received\n"
	    "= c2 rejected: the topic is not COMMAND/DEVICE/VERB\n" },
	{ "verbs that the profile has not",
	    "01020304,D2-01-0B,plug\n"
	    "01020305,A5-02-05,attic\n",
	    "c c1 9 COMMAND/plug/explode \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 rejected: \"explode\": no such command of D2-01-0B\n"
	    "c c2 9 COMMAND/plug/dim \"v\":50\n"
	    "= c2 received\n"
	    "= c2 rejected: \"dim\": no such command of D2-01-0B\n"
	    "c c3 9 COMMAND/attic/switch \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 rejected: \"switch\": no such command of A5-02-05\n"
	    "c c4 9 COMMAND/plug/pilot \"vs\":\"eco\"\n"
	    "= c4 received\n"
	    "= c4 rejected: \"pilot\": no such command of D2-01-0B\n" },
	{ "values that the profile has not", "01020304,D2-01-04,plug\n",
	    "c c1 9 COMMAND/plug/dim \"v\":101\n"
	    "= c1 received\n"
	    "= c1 rejected: dim: 101 is not from 0 to 100\n"
	    "c c2 9 COMMAND/plug/dim \"v\":20,\"u\":\"Cel\"\n"
	    "= c2 received\n"
	    "= c2 rejected: \"Cel\": unit of a dim is /100\n"
	    "c c3 9 COMMAND/plug/dim \"vs\":\"half\"\n"
	    "= c3 received\n"
	    "= c3 rejected: dim: needs a number (v, or d.value)\n"
	    "c c4 9 COMMAND/plug/dim \"d\":{\"level\":20,\"XYZ\":1}\n"
	    "= c4 received\n"
	    "= c4 rejected: \"XYZ\": the message \"set_output\" has no such "
	    "field\n"
	    "c c5 9 COMMAND/plug/dim \"d\":{\"level\":20,\"timer\":4}\n"
	    "= c5 received\n"
	    "= c5 rejected: \"timer\" has to be 0, 1, 2 or 3\n"
	    "c c6 9 COMMAND/plug/switch \"v\":1\n"
	    "= c6 received\n"
	    "= c6 rejected: switch: needs true or false (vb, or d.on)\n"
	    "c c7 9 COMMAND/plug/measure \"vs\":\"voltage\"\n"
	    "= c7 received\n"
	    "= c7 rejected: \"measure\" of \"voltage\": no such command of "
	    "D2-01-04\n"
	    "c c8 9 COMMAND/plug/switch \"d\":{\"on\":true,\"IO\":3}\n"
	    "= c8 received\n"
	    "= c8 rejected: \"IO\": the channel is part of the topic\n" },
	{ "channels that the device has not",
	    "01020304,D2-01-12,plug\n"
	    "01020305,A5-38-08,lamp\n",
	    "c c1 9 COMMAND/plug:2/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 rejected: channel 2: \"switch\" of D2-01-12 has no such "
	    "output\n"
	    "c c2 9 COMMAND/lamp:1/switch \"vb\":true\n"
	    "= c2 received\n"
	    "= c2 rejected: channel 1: \"switch\" of A5-38-08 has no "
	    "channels\n" },
	{ "one channel and all of them", "01020304,D2-01-12,plug\n",
	    "c c1 9 COMMAND/plug:1/switch \"d\":{\"on\":true,\"all\":true}\n"
	    "= c1 received\n"
	    "= c1 rejected: channel 1, and all of them\n" },
	{ "a controller", "01020305,A5-38-08,panel,0,controller\n",
	    "c c1 9 COMMAND/panel/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 rejected: it is a controller, which takes no commands\n" },
	{ "locked by the duty cycle until its time is over",
	    "01020304,D2-01-0B,plug\n",
	    "e 0601\n"
	    "c c1 3 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "t 2900\n"
	    "t 200\n"
	    "= c1 expired: not sent: its time is over\n"
	    "e 0600\n"
	    "t 60000\n" },
	{ "refused by the module for its duty cycle",
	    "01020304,D2-01-0B,plug\n",
	    "c c1 3 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 5\n"
	    "t 4000\n"
	    "= c1 expired: not sent: its time is over; the module said "
	    "LOCK_SET\n" },
	{ "refused by the module", "01020304,D2-01-0B,plug\n",
	    "c c1 3 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 2\n"
	    "= c1 failed: the module refused it: NOT_SUPPORTED\n"
	    "t 60000\n" },
	{ "the module is silent", "01020304,D2-01-0B,plug\n",
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "t 600\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "t 500\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "t 500\n"
	    "= c1 failed: the module does not answer\n"
	    "t 60000\n" },
	{ "the line is away until the end", "01020304,D2-01-0B,plug\n",
	    "down\n"
	    "c c1 3 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "t 3100\n"
	    "= c1 expired: not sent: its time is over\n"
	    "up\n"
	    "t 60000\n" },
	{ "the machine slept, or its clock was put right",
	    "01020304,D2-01-0B,plug\n"
	    "01020307,A5-20-01,valve\n",
	    "down\n"
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "w 29000\n"
	    "w 1000\n"
	    "= c1 expired: not sent: its time is over\n"
	    "up\n"
	    "c c2 30 COMMAND/valve/valve \"v\":50\n"
	    "= c2 received\n"
	    "= c2 accepted: waits until the device listens\n"
	    "w 30000\n"
	    "= c2 expired: not sent: the device did not listen in time\n"
	    "d 01020307 A532008008\n"
	    "c c3 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c3 started\n"
	    "w 30000\n"
	    "= c3 expired: sent, but not confirmed in time\n"
	    "t 60000\n" },
	{ "the program ends",
	    "01020304,D2-01-0B,plug\n"
	    "01020305,D2-01-0B,plug2\n"
	    "01020306,D2-01-0B,plug3\n"
	    "01020307,A5-20-01,valve\n",
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "c c2 30 COMMAND/plug2/switch \"vb\":true\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D2010064 00 FF800000>01020305\n"
	    "c c3 30 COMMAND/plug3/switch \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "c c4 30 COMMAND/valve/valve \"v\":50\n"
	    "= c4 received\n"
	    "= c4 accepted: waits until the device listens\n"
	    "q\n"
	    "= c1 failed: sent, but not confirmed: the program ends\n"
	    "= c2 failed: it may have been sent: the program ends\n"
	    "= c3 failed: not sent: the program ends\n"
	    "= c4 failed: not sent: the program ends\n"
	    "r 0\n"
	    "t 60000\n" },
	{ "the program ends while a button is pressed",
	    "01020305,F6-02-01,lamp\n"
	    "01020306,F6-02-01,lamp2,1\n",
	    "c c1 30 COMMAND/lamp/press \"vs\":\"A0\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> F630 30 FF800000>FFFFFFFF\n"
	    "c c2 30 COMMAND/lamp2/press \"vs\":\"A0\"\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "q\n"
	    "= c2 failed: not sent: the program ends\n"
	    "r 0\n"
	    "t 100\n"
	    "> F600 20 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c1 started: sent; this device reports nothing\n"
	    "c c3 30 COMMAND/lamp/press \"vs\":\"A0\"\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> F630 30 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "Q\n"
	    "= c3 failed: pressed, but perhaps not released: the program "
	    "ends\n" },
	{ "a press that is superseded while it is in flight is released",
	    "01020305,F6-02-01,lamp\n",
	    "c c1 30 COMMAND/lamp/press \"vs\":\"A0\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> F630 30 FF800000>FFFFFFFF\n"
	    "c c2 30 COMMAND/lamp/press \"vs\":\"BI\"\n"
	    "= c2 received\n"
	    "= c1 superseded: by c2\n"
	    "= c2 accepted\n"
	    "r 0\n"
	    "> F600 20 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "> F650 30 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "t 100\n"
	    "> F600 20 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n" },
	{ "the line is away for a while", "01020304,D2-01-0B,plug\n",
	    "down\n"
	    "c c1 3 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "t 1000\n"
	    "up\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D20460E4\n"
	    "= c1 completed\n" },
	{ "the line goes away meanwhile",
	    "01020304,D2-01-0B,plug\n"
	    "01020305,F6-02-01,lamp\n",
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "down\n"
	    "t 1000\n"
	    "up\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "d 01020304 D20460E4\n"
	    "= c1 completed\n"
	    "c c2 30 COMMAND/lamp/press \"vs\":\"A0\"\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> F630 30 FF800000>FFFFFFFF\n"
	    "down\n"
	    "= c2 failed: the line to the module went away: it may have been "
	    "sent\n"
	    "up\n"
	    "t 60000\n" },

	/* D2-01 */
	{ "switch off, by another sender of ours", "01020304,D2-01-0B,plug,5\n",
	    "c c1 9 COMMAND/plug/switch \"vb\":false\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010000 00 FF800005>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D2046080\n"
	    "= c1 completed\n"
	    "t 60000\n" },
	{ "no report: sent three times, and asked for",
	    "01020304,D2-01-0B,plug\n",
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "t 1000\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "t 1000\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "t 1000\n"
	    "= c1 failed: sent, but it reports nothing\n"
	    "t 60000\n" },
	{ "it reports another state", "01020304,D2-01-0B,plug\n",
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "d 01020304 D20460E4\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D2046080\n"
	    "t 1000\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "d 01020304 D2046080\n"
	    "t 1000\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "d 01020304 D2046080\n"
	    "t 1000\n"
	    "= c1 failed: it reports 0 %\n" },
	{ "not repeated after its end", "01020304,D2-01-0B,plug\n",
	    "c c1 1.5 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "t 1000\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "t 500\n"
	    "= c1 expired: sent, but not confirmed in time\n"
	    "t 60000\n" },
	{ "one channel of two", "01020304,D2-01-12,plug\n",
	    "c c1 9 COMMAND/plug:1/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010164 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D20460E4\n"
	    "d 01020304 D20461E4\n"
	    "= c1 completed\n" },
	{ "all channels", "01020304,D2-01-12,plug\n",
	    "c c1 9 COMMAND/plug/switch \"d\":{\"on\":false,\"all\":true}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2011E00 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D2046180\n"
	    "d 01020304 D2046080\n"
	    "= c1 completed\n" },
	{ "dim, by a timer", "01020304,D2-01-04,plug\n",
	    "c c1 30 COMMAND/plug/dim \"v\":50\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010032 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D20460E4\n"
	    "d 01020304 D20460B2\n"
	    "= c1 completed\n"
	    "c c2 30 COMMAND/plug/dim \"d\":{\"level\":0.25,\"timer\":2},"
	    "\"u\":\"/\"\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D2014019 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c2 started\n"
	    "t 8000\n"
	    "d 01020304 D2046099\n"
	    "= c2 completed\n"
	    "c c3 30 COMMAND/plug/stop \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> D201807F 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c3 started\n"
	    "d 01020304 D2046091\n"
	    "= c3 completed\n" },
	{ "a query, and what answers it", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/query \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020304 D20700000000AA\n"
	    "d 01020304 D2046080\n"
	    "= c1 completed\n" },
	{ "energy and power", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/measure \"vs\":\"energy\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D20600 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "c c2 9 COMMAND/plug/measure \"vs\":\"power\"\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D20620 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c2 started\n"
	    "d 01020304 D20760000000AA\n"
	    "= c2 completed\n"
	    "d 01020304 D20720000000AA\n"
	    "= c1 completed\n" },
	{ "reports of power configured", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/configure \"d\":{\"RM\":"
	    "\"query_and_auto\",\"ep\":\"power\",\"MD\":10,\"UN\":\"W\","
	    "\"MAT\":600,\"min_report_interval\":10}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D205A0A3003C0A 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started: sent; this device does not report these settings\n"
	    "t 60000\n" },
	{ "local control configured, and confirmed when asked",
	    "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/configure \"d\":{\"LC\":true}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D202200000 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "> D20300 00 FF800000>01020304\n"
	    "r 0\n"
	    "d 01020304 D20460E4\n"
	    "= c1 completed\n" },
	{ "limits of a dimmer", "01020304,D2-01-04,plug\n",
	    "c c1 9 COMMAND/plug/configure \"d\":{\"MAXV\":80,\"MINV\":10}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D20F0000500A 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "> D20F0100 00 FF800000>01020304\n"
	    "r 0\n"
	    "d 01020304 D20F0200500A\n"
	    "= c1 completed\n" },
	{ "what no message can configure", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/configure \"d\":{\"LC\":true,\"RM\":1}\n"
	    "= c1 received\n"
	    "= c1 rejected: \"configure\" with these members of d: no such "
	    "command of D2-01-0B\n" },
	{ "pilot wire", "01020304,D2-01-0C,heater\n",
	    "c c1 9 COMMAND/heater/pilot \"vs\":\"eco\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D20802 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "> D209 00 FF800000>01020304\n"
	    "r 0\n"
	    "d 01020304 D20A02\n"
	    "= c1 completed\n"
	    "c c2 9 COMMAND/heater/pilot \"vs\":\"warm\"\n"
	    "= c2 received\n"
	    "= c2 rejected: *\n" },
	{ "a mute device", "01020304,D2-01-0B,plug,0,mute\n",
	    "c c1 9 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started: sent; this device reports nothing\n"
	    "t 60000\n" },
	{ "a later command supersedes an earlier one",
	    "01020304,D2-01-12,plug\n",
	    "c c1 9 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2010064 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "c c2 9 COMMAND/plug:1/switch \"vb\":true\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D2010164 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c2 started\n"
	    "c c3 9 COMMAND/plug/switch \"vb\":false\n"
	    "= c3 received\n"
	    "= c1 superseded: by c3\n"
	    "= c3 accepted\n"
	    "> D2010000 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c3 started\n"
	    "d 01020304 D20461E4\n"
	    "= c2 completed\n"
	    "d 01020304 D2046080\n"
	    "= c3 completed\n" },
	{ "all outputs, then one of them: the rest goes on",
	    "01020304,D2-01-12,plug\n",
	    "c c1 9 COMMAND/plug/switch \"d\":{\"on\":true,\"all\":true}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2011E64 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started\n"
	    "c c2 9 COMMAND/plug:1/switch \"vb\":false\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D2010100 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c2 started\n"
	    "d 01020304 D2046180\n"
	    "= c2 completed\n"
	    "t 1000\n"
	    "= c1 failed: sent, but it reports nothing\n"
	    "t 60000\n" },
	{ "what is superseded before it is sent is not sent",
	    "01020304,D2-01-0B,plug\n",
	    "e 0601\n"
	    "c c1 30 COMMAND/plug/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "c c2 30 COMMAND/plug/switch \"vb\":false\n"
	    "= c2 received\n"
	    "= c1 superseded: by c2\n"
	    "= c2 accepted\n"
	    "e 0600\n"
	    "> D2010000 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c2 started\n"
	    "d 01020304 D2046080\n"
	    "= c2 completed\n" },

	/* F6-02 */
	{ "a rocker is pressed and released", "01020305,F6-02-01,lamp,7\n",
	    "c c1 9 COMMAND/lamp/press \"vs\":\"BI\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> F650 30 FF800007>FFFFFFFF\n"
	    "r 0\n"
	    "t 99\n"
	    "t 1\n"
	    "> F600 20 FF800007>FFFFFFFF\n"
	    "r 0\n"
	    "= c1 started: sent; this device reports nothing\n"
	    "c c2 9 COMMAND/lamp/press \"d\":{\"value\":\"A0\",\"hold\":"
	    "200}\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> F630 30 FF800007>FFFFFFFF\n"
	    "r 0\n"
	    "t 200\n"
	    "> F600 20 FF800007>FFFFFFFF\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n"
	    "c c3 9 COMMAND/lamp/release \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> F600 20 FF800007>FFFFFFFF\n"
	    "r 0\n"
	    "= c3 started: sent; this device reports nothing\n"
	    "c c4 9 COMMAND/lamp/press \"vs\":\"C0\"\n"
	    "= c4 received\n"
	    "= c4 rejected: *\n"
	    "c c5 9 COMMAND/lamp/press \"d\":{\"value\":\"A0\",\"hold\":"
	    "20}\n"
	    "= c5 received\n"
	    "= c5 rejected: \"hold\" has to be 50 to 200 (ms)\n" },
	{ "a press is never repeated", "01020305,F6-02-02,lamp\n",
	    "c c1 9 COMMAND/lamp/press \"vs\":\"AI\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> F610 30 FF800000>FFFFFFFF\n"
	    "t 600\n"
	    "= c1 failed: the module does not answer\n"
	    "t 60000\n" },
	{ "no press without time to release", "01020305,F6-02-02,lamp\n",
	    "c c1 0.15 COMMAND/lamp/press \"vs\":\"AI\"\n"
	    "= c1 received\n"
	    "= c1 expired: not sent: too little time to press and release\n"
	    "t 60000\n" },
	{ "a switch by rockers", "01020305,F6-02-02,lamp\n",
	    "c c1 9 COMMAND/lamp/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> F610 30 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "c c2 9 COMMAND/lamp/switch \"d\":{\"on\":false,\"rocker\":"
	    "\"B\"}\n"
	    "= c2 received\n"
	    "= c1 superseded: by c2\n"
	    "= c2 accepted\n"
	    "> F600 20 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "> F670 30 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "t 100\n"
	    "> F600 20 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n" },

	/* A5-38-08 */
	{ "a light", "01020305,A5-38-08,lamp,3\n",
	    "c c1 9 COMMAND/lamp/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> A501000009 00 FF800003>FFFFFFFF\n"
	    "r 0\n"
	    "= c1 started: sent; this device reports nothing\n"
	    "c c2 9 COMMAND/lamp/switch \"vb\":false\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> A501000008 00 FF800003>FFFFFFFF\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n"
	    "c c3 9 COMMAND/lamp/switch \"d\":{\"on\":true,\"delay\":2,"
	    "\"lock\":true}\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> A50100140F 00 FF800003>FFFFFFFF\n"
	    "r 0\n"
	    "= c3 started: sent; this device reports nothing\n"
	    "c c4 9 COMMAND/lamp/switch \"d\":{\"on\":true,\"time\":30}\n"
	    "= c4 received\n"
	    "= c4 accepted\n"
	    "> A501012C09 00 FF800003>FFFFFFFF\n"
	    "r 0\n"
	    "= c4 started: sent; this device reports nothing\n" },
	{ "a dimmer",
	    "01020305,A5-38-08,lamp\n"
	    "01020306,A5-38-08,eltako,1,percent\n",
	    "c c1 9 COMMAND/lamp/dim \"v\":100\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> A502FF0009 00 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c1 started: sent; this device reports nothing\n"
	    "c c2 9 COMMAND/eltako/dim \"d\":{\"level\":37,\"ramp\":5}\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> A502250509 00 FF800001>FFFFFFFF\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n"
	    "c c3 9 COMMAND/eltako/dim \"v\":0\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> A502000008 00 FF800001>FFFFFFFF\n"
	    "r 0\n"
	    "= c3 started: sent; this device reports nothing\n" },
	{ "a light that reports by A5-11-04",
	    "01020305,A5-38-08,lamp\n01020305,A5-11-04,lamp\n",
	    "c c1 9 COMMAND/lamp/switch \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> A501000009 00 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020305 A500000008\n"
	    "d 01020305 A5FF000009\n"
	    "= c1 completed\n" },
	{ "set points and blinds of A5-38-08", "01020305,A5-38-08,x\n",
	    "c c1 9 COMMAND/x/setpoint \"v\":21,\"u\":\"Cel\"\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> A504006908 00 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c1 started: sent; this device reports nothing\n"
	    "c c2 9 COMMAND/x/shift \"v\":-1.7,\"u\":\"K\"\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> A503006E08 00 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n"
	    "c c3 9 COMMAND/x/position \"d\":{\"position\":40,\"angle\":-30}\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> A507288F4A 00 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c3 started: sent; this device reports nothing\n"
	    "c c4 9 COMMAND/x/stop \"vb\":true\n"
	    "= c4 received\n"
	    "= c4 accepted\n"
	    "> A507000018 00 FF800000>FFFFFFFF\n"
	    "r 0\n"
	    "= c4 started: sent; this device reports nothing\n" },

	/* A5-20 */
	{ "a valve gets its command when it wakes, and again each time",
	    "01020307,A5-20-01,valve\n",
	    "d 01020307 A532008008\n"
	    "c c1 900 COMMAND/valve/valve \"v\":40\n"
	    "= c1 received\n"
	    "= c1 accepted: waits until the device listens\n"
	    "t 60000\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c1 started\n"
	    "t 600000\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n"
	    "t 100000\n"
	    "d 01020307 A528008008\n"
	    "= c1 completed\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n" },
	{ "a valve that does not wake in time", "01020307,A5-20-04,valve\n",
	    "c c1 300 COMMAND/valve/valve \"v\":40\n"
	    "= c1 received\n"
	    "= c1 accepted: waits until the device listens\n"
	    "t 300000\n"
	    "= c1 expired: not sent: the device did not listen in time\n"
	    "d 01020307 A532008008\n" },
	{ "a valve that reports another position at the end",
	    "01020307,A5-20-01,valve\n",
	    "c c1 300 COMMAND/valve/valve \"v\":40\n"
	    "= c1 received\n"
	    "= c1 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c1 started\n"
	    "t 200000\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n"
	    "t 100000\n"
	    "= c1 failed: it reports 50 %\n" },
	{ "a valve's moment passes while the module is locked",
	    "01020307,A5-20-01,valve\n",
	    "e 0601\n"
	    "c c1 300 COMMAND/valve/valve \"v\":40\n"
	    "= c1 received\n"
	    "= c1 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "t 1000\n"
	    "e 0600\n"
	    "t 100000\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c1 started\n"
	    "t 200000\n"
	    "= c1 expired: sent, but not confirmed in time\n" },
	{ "the line goes away while a valve listens",
	    "01020307,A5-20-01,valve\n",
	    "c c1 900 COMMAND/valve/valve \"v\":40\n"
	    "= c1 received\n"
	    "= c1 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "down\n"
	    "t 1000\n"
	    "up\n"
	    "t 1000\n"
	    "d 01020307 A532008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c1 started\n"
	    "c c2 900 COMMAND/valve/configure \"d\":{\"RIN\":true}\n"
	    "= c2 received\n"
	    "= c2 accepted: waits until the device listens\n"
	    "d 01020307 A528008008\n"
	    "= c1 completed\n"
	    "> A528008008 00 FF800000>01020307\n"
	    "down\n"
	    "= c2 failed: the line to the module went away: it may have been "
	    "sent\n"
	    "up\n"
	    "d 01020307 A528008008\n"
	    "> A528000008 00 FF800000>01020307\n"
	    "r 0\n" },
	{ "a set point with the room's temperature, and what is done once",
	    "01020307,A5-20-01,valve\n",
	    "c c1 900 COMMAND/valve/configure \"d\":{\"RIN\":true}\n"
	    "= c1 received\n"
	    "= c1 rejected: \"configure\": goes together with a set point, "
	    "which is not known: command \"valve\" first\n"
	    "c c2 900 COMMAND/valve/setpoint \"d\":{\"value\":21,\"room\":"
	    "20}\n"
	    "= c2 received\n"
	    "= c2 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "> A586800408 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n"
	    "c c3 900 COMMAND/valve/configure \"d\":{\"RIN\":true,\"SB\":"
	    "true}\n"
	    "= c3 received\n"
	    "= c3 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "> A586808C08 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c3 started: sent; this device does not report these settings\n"
	    "t 600000\n"
	    "d 01020307 A532008008\n"
	    "> A586800C08 00 FF800000>01020307\n"
	    "r 0\n"
	    "c c4 900 COMMAND/valve/valve \"v\":100\n"
	    "= c4 received\n"
	    "= c4 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "> A564000808 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c4 started\n"
	    "d 01020307 A564008008\n"
	    "= c4 completed\n"
	    "> A564000808 00 FF800000>01020307\n"
	    "r 0\n" },
	{ "position and set point of A5-20-04", "01020307,A5-20-04,valve\n",
	    "c c1 900 COMMAND/valve/valve \"v\":50\n"
	    "= c1 received\n"
	    "= c1 accepted: waits until the device listens\n"
	    "c c2 900 COMMAND/valve/setpoint \"v\":20\n"
	    "= c2 received\n"
	    "= c1 superseded: by c2\n"
	    "= c2 accepted: waits until the device listens\n"
	    "d 01020307 A532008008\n"
	    "> A532800008 00 FF800000>01020307\n"
	    "r 0\n"
	    "= c2 started: sent; this device reports nothing\n" },

	/* D2-05, D2-34, D2-A0 */
	{ "a blind", "01020308,D2-05-00,blind\n",
	    "c c1 90 COMMAND/blind/position \"v\":40\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2287F0001 00 FF800000>01020308\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020308 D27F7F0004\n"
	    "t 20000\n"
	    "d 01020308 D2277F0004\n"
	    "= c1 completed\n"
	    "c c2 9 COMMAND/blind/stop \"vb\":true\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D202 00 FF800000>01020308\n"
	    "r 0\n"
	    "= c2 started\n"
	    "t 1000\n"
	    "> D202 00 FF800000>01020308\n"
	    "r 0\n"
	    "> D203 00 FF800000>01020308\n"
	    "r 0\n"
	    "d 01020308 D2277F0004\n"
	    "= c2 completed\n"
	    "c c3 9 COMMAND/blind/position \"d\":{\"value\":0,\"angle\":50,"
	    "\"REPO\":\"up_first\"}\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> D200321001 00 FF800000>01020308\n"
	    "r 0\n"
	    "= c3 started\n"
	    "d 01020308 D200320004\n"
	    "= c3 completed\n" },
	{ "four blinds at one device", "01020308,D2-05-01,blind\n",
	    "c c1 90 COMMAND/blind:3/query \"vb\":true\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D233 00 FF800000>01020308\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020308 D2287F0024\n"
	    "d 01020308 D2287F0034\n"
	    "= c1 completed\n"
	    "c c2 90 COMMAND/blind/stop \"d\":{\"all\":true}\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D2F2 00 FF800000>01020308\n"
	    "r 0\n"
	    "= c2 started\n"
	    "d 01020308 D2287F0004\n"
	    "d 01020308 D2287F0014\n"
	    "d 01020308 D2287F0024\n"
	    "d 01020308 D2287F0034\n"
	    "= c2 completed\n" },
	{ "a water valve", "01020309,D2-A0-01,water\n",
	    "c c1 90 COMMAND/water/switch \"vb\":false\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D201 00 FF800000>01020309\n"
	    "r 0\n"
	    "= c1 started\n"
	    "d 01020309 D202\n"
	    "t 5000\n"
	    "d 01020309 D201\n"
	    "= c1 completed\n"
	    "c c2 90 COMMAND/water/query \"vb\":true\n"
	    "= c2 received\n"
	    "= c2 accepted\n"
	    "> D200 00 FF800000>01020309\n"
	    "r 0\n"
	    "= c2 started\n"
	    "d 01020309 D201\n"
	    "= c2 completed\n"
	    "c c3 90 COMMAND/water/switch \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 accepted\n"
	    "> D202 00 FF800000>01020309\n"
	    "r 0\n"
	    "= c3 started\n"
	    "d 01020309 D202\n"
	    "= c3 completed\n" },
	{ "a heating actuator", "0102030A,D2-34-00,heating\n",
	    "c c1 90 COMMAND/heating/setpoint \"d\":{\"value\":21.5,"
	    "\"duration\":2}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D24200D70005 00 FF800000>0102030A\n"
	    "r 0\n"
	    "= c1 started\n"
	    "> D20006 00 FF800000>0102030A\n"
	    "r 0\n"
	    "d 0102030A D242C8006B8007\n"
	    "= c1 completed\n" },

	/* send */
	{ "any message of the table", "01020304,D2-01-0B,plug\n",
	    "c c1 9 COMMAND/plug/send \"d\":{\"message\":\"set_output\","
	    "\"fields\":{\"OV\":100,\"IO\":\"all_outputs\"}}\n"
	    "= c1 received\n"
	    "= c1 accepted\n"
	    "> D2011E64 00 FF800000>01020304\n"
	    "r 0\n"
	    "= c1 started: sent; this device does not report these settings\n"
	    "c c2 9 COMMAND/plug/send \"d\":{\"message\":\"nonsense\"}\n"
	    "= c2 received\n"
	    "= c2 rejected: \"send\": no message \"nonsense\" to a device of "
	    "D2-01-0B\n"
	    "c c3 9 COMMAND/plug/send \"vb\":true\n"
	    "= c3 received\n"
	    "= c3 rejected: \"send\": needs d.message\n"
	    "c c4 9 COMMAND/plug/send \"d\":{\"profile\":\"D2-05-00\","
	    "\"message\":\"stop\"}\n"
	    "= c4 received\n"
	    "= c4 rejected: \"send\": no message \"stop\" to a device of "
	    "D2-01-0B\n"
	    "c c5 9 COMMAND/plug/send \"d\":{\"message\":\"set_output\","
	    "\"fields\":{\"OV\":101}}\n"
	    "= c5 received\n"
	    "= c5 rejected: *\n" },
};

/* The next line of text, which moves on; NULL at its end. */
static const char *
next_line(const char **text, char *space, size_t room)
{
	const char *p = *text;
	size_t n = strcspn(p, "\n");

	if (*p == '\0' || n >= room)
		return NULL;
	memcpy(space, p, n);
	space[n] = '\0';
	*text = p + n + (p[n] == '\n');
	return space;
}

/* What is expected next has to begin the text, and is taken off. */
static void
expect(const char *title, const char *kind, struct buf *got, const char *want)
{
	const char *text = buf_cstr(got);
	size_t n = strcspn(text, "\n"), w = strlen(want);
	int open = w > 0 && want[w - 1] == '*';

	if (open)
		w--;
	check(n >= w && (open || n == w) && strncmp(text, want, w) == 0,
	    "%s: %s \"%.*s\", not \"%s\"", title, kind, (int)n, text, want);
	buf_cut(got, n < got->len ? n + 1 : got->len);
}

static void
nothing_else(const char *title, const struct commanded *c)
{
	check(c->said.len == 0, "%s: said \"%.*s\"", title, (int)c->said.len,
	    c->said.p);
	check(c->sent.len == 0, "%s: sent \"%.*s\"", title, (int)c->sent.len,
	    c->sent.p);
}

static size_t
from_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t n = 0;
	unsigned byte;

	while (n < room && sscanf(hex, "%2x", &byte) == 1) {
		out[n++] = (uint8_t)byte;
		hex += 2;
	}
	return n;
}

static void
give(struct commanded *c, char *line)
{
	char *id = strtok_r(line, " ", &line), *ttl, *topic;

	ttl = strtok_r(line, " ", &line);
	topic = strtok_r(line, " ", &line);
	commanded_give(c, id, strtod(ttl, NULL), topic, line);
}

static void
event(struct commanded *c, const char *hex)
{
	uint8_t p[16];
	struct esp3_packet packet = { .t = c->mono,
		.data = p,
		.n = from_hex(hex, p, sizeof p),
		.type = ESP3_EVENT };

	module_take(c->module, &packet, c->mono);
	commanded_pump(c);
}

static void
hear(struct commanded *c, const char *line)
{
	uint8_t p[32];

	commanded_hear(
	    c, strtoul(line, NULL, 16), p, from_hex(line + 9, p, sizeof p));
}

static void
quit(struct commanded *c, int patient)
{
	struct buf lines = { 0 };

	(void)actuator_quit(c->actuator, patient, c->wall, &lines);
	commanded_take_lines(c, &lines);
	buf_fini(&lines);
}

static void
step(const char *title, struct commanded *c, char *line)
{
	if (line[0] == '=') {
		expect(title, "said", &c->said, line + 2);
		return;
	}
	if (line[0] == '>') {
		expect(title, "sent", &c->sent, line + 2);
		return;
	}
	nothing_else(title, c);
	if (strcmp(line, "up") == 0)
		module_up(c->module, c->mono);
	else if (strcmp(line, "down") == 0)
		module_down(c->module);
	switch (line[0]) {
	case 'c': give(c, line + 2); break;
	case 'l': commanded_line(c, line + 2, strlen(line + 2)); break;
	case 'r':
		commanded_response(c, (uint8_t)strtoul(line + 2, NULL, 10));
		break;
	case 't': commanded_wait(c, 1000 * strtol(line + 2, NULL, 10)); break;
	case 'w': c->wall += 1000 * strtol(line + 2, NULL, 10); break;
	case 'q': quit(c, 1); break;
	case 'Q': quit(c, 0); break;
	case 'e': event(c, line + 2); break;
	case 'd':
		if (line[1] == ' ')
			hear(c, line + 2);
		break;
	}
	commanded_pump(c);
}

static void
test_scenarios(struct commanded *c)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		const struct scenario *s = &scenarios[i];
		const char *text = s->script,
			   *fault = commanded_devices(c, s->devices);
		char line[512];

		check(fault == NULL, "%s: %s", s->title,
		    fault != NULL ? fault : "");
		if (fault != NULL)
			continue;
		commanded_start(c, NULL);
		module_up(c->module, c->mono);
		commanded_pump(c);
		while (next_line(&text, line, sizeof line) != NULL)
			step(s->title, c, line);
		nothing_else(s->title, c);
		check(*text == '\0', "%s: long line", s->title);
		commanded_stop(c);
		devices_close(c->devices);
	}
	check(c->invalid == 0, "%u lines are no events", c->invalid);
}

static void
test_verbs(struct commanded *c)
{
	static const struct {
		const char *profile, *verbs;
	} cases[] = {
		{ "D2-01-00", "switch query measure configure send" },
		{ "D2-01-09", "switch dim stop query measure configure send" },
		{ "D2-01-0C", "switch query measure configure pilot send" },
		{ "A5-38-08",
		    "switch dim shift setpoint valve position stop "
		    "query send" },
		{ "F6-02-01", "press release switch send" },
		{ "A5-20-01", "valve setpoint configure send" },
		{ "D2-05-00", "position stop query configure send" },
		{ "A5-02-05", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf got = { 0 };
		uint32_t id = 0;

		check(eep_id(cases[i].profile, 8, &id) == 0, "id");
		for (const char *const *v =
			 actuator_verbs(eep_find(c->eep, id));
		     *v != NULL; v++)
			buf_addf(&got, "%s%s", got.len > 0 ? " " : "", *v);
		check(strcmp(buf_cstr(&got), cases[i].verbs) == 0,
		    "verbs of %s: %s", cases[i].profile, buf_cstr(&got));
		buf_fini(&got);
	}
}

/* "31AABB 00 FF800000>01020304" */
static void
take_sent(const char *line, uint8_t *p, size_t room, struct telegram *tel)
{
	size_t n = strcspn(line, " "), at = strcspn(line, ">");
	char hex[64] = "";

	memcpy(hex, line, n < sizeof hex ? n : sizeof hex - 1);
	n = from_hex(hex, p, room);
	*tel = (struct telegram){ .rorg = p[0],
		.p = p + 1,
		.n = n > 0 ? n - 1 : 0,
		.sender = strtoul(line + at - 8, NULL, 16),
		.dest = strtoul(line + at + 1, NULL, 16),
		.erp = 1 };
}

/* What the device makes of all that was sent: "D2010064 ..." */
static void
open_sent(struct commanded *c, struct chain *chain, struct secure *peer,
    struct buf *out)
{
	const char *text = buf_cstr(&c->sent), *why;
	char line[128];

	while (next_line(&text, line, sizeof line) != NULL) {
		uint8_t p[64];
		struct telegram tel, whole, plain;

		take_sent(line, p, sizeof p, &tel);
		if (chain_take(chain, &tel, &whole, &why) != 1)
			continue;
		if (secure_take(peer, &whole, 0, &plain, &why) !=
		    SECURE_OPENED) {
			buf_addf(out, "%s ", why);
			continue;
		}
		buf_addf(out, "%02X", plain.rorg);
		for (size_t i = 0; i < plain.n; i++)
			buf_addf(out, "%02X", plain.p[i]);
		buf_addc(out, ' ');
	}
	buf_clear(&c->sent);
}

static struct secure *
keys(const char *folder, const char *name, const char *row)
{
	char path[64];
	struct buf why = { 0 };
	struct secure *s;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	check(f != NULL, "%s", path);
	if (f == NULL)
		return NULL;
	fputs(row, f);
	fclose(f);
	chmod(path, 0600);
	s = secure_open(path, 0, &why);
	check(s != NULL, "%s", buf_cstr(&why));
	buf_fini(&why);
	return s;
}

static void
remove_keys(const char *folder)
{
	static const char *const names[] = { "ours", "ours.lock", "theirs",
		"theirs.lock" };
	char path[64];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* A secured device gets each telegram with a rolling code of its own. */
static void
test_secured(struct commanded *c)
{
	char folder[] = "/tmp/sg-actuator.XXXXXX";
	struct secure *theirs;
	struct chain *chain = chain_new();
	struct buf got = { 0 };

	check(mkdtemp(folder) != NULL, "%s", folder);
	check(commanded_devices(c, "019EB63B,D2-01-0B,plug\n") == NULL,
	    "devices");
	commanded_start(c, NULL);
	secure_close(c->secure);
	c->secure = keys(folder, "ours",
	    "019EB63B,456E4F6365616E20476D62482E313300,AB,0,7\n");
	theirs = keys(folder, "theirs",
	    "FF800000,456E4F6365616E20476D62482E313300,AB,7,0\n");
	if (c->secure == NULL || theirs == NULL)
		return;
	actuator_free(c->actuator);
	c->actuator =
	    actuator_new(&(const struct actuator_parts){ .eep = c->eep,
		.devices = c->devices,
		.module = c->module,
		.secure = c->secure,
		.guard = c->guard });
	module_up(c->module, c->mono);
	commanded_pump(c);
	commanded_give(c, "c1", 30, "COMMAND/plug/switch", "\"vb\":true");
	for (int i = 0; i < 15; i++) {
		commanded_response(c, 0);
		commanded_wait(c, 100000);
	}
	open_sent(c, chain, theirs, &got);
	check(strcmp(buf_cstr(&got), "D2010064 D2010064 D20300 ") == 0,
	    "secured: %s", buf_cstr(&got));
	buf_fini(&got);
	chain_free(chain);
	secure_close(theirs);
	commanded_stop(c);
	devices_close(c->devices);
	remove_keys(folder);
}

/* More than the module's queue holds is refused, and nothing is lost. */
static void
test_many(struct commanded *c)
{
	size_t rejected = 0, expired = 0, n = 0;
	const char *text;
	char line[128], id[16];

	check(commanded_devices(c, "01020304,D2-01-0B,plug\n") == NULL,
	    "devices");
	commanded_start(c, NULL);
	for (int i = 0; i < 400; i++) {
		snprintf(id, sizeof id, "c%d", i);
		commanded_give(c, id, 30, "COMMAND/plug/query", "\"vb\":true");
	}
	commanded_wait(c, 31000000);
	text = buf_cstr(&c->said);
	while (next_line(&text, line, sizeof line) != NULL) {
		rejected += strstr(line, "too much waits") != NULL;
		expired += strstr(line, " expired: not sent") != NULL;
		n++;
	}
	check(rejected == 400 - MODULE_QUEUE && expired == MODULE_QUEUE &&
		n == 400 + 2 * MODULE_QUEUE + rejected,
	    "%zu rejected, %zu expired, %zu lines", rejected, expired, n);
	check(c->sent.len == 0, "sent: %s", buf_cstr(&c->sent));
	commanded_stop(c);
	devices_close(c->devices);
}

/* What a valve was set to is nothing to a device of another profile. */
static void
test_other_profile(struct commanded *c)
{
	static const uint8_t report[] = { 0xA5, 0x32, 0, 0x80, 0x08 };
	struct device *dev;

	check(commanded_devices(c, "01020307,A5-20-01,valve\n") == NULL,
	    "devices");
	commanded_start(c, NULL);
	module_up(c->module, c->mono);
	commanded_pump(c);
	commanded_give(c, "c1", 30, "COMMAND/valve/valve", "\"v\":50");
	commanded_hear(c, 0x01020307, report, sizeof report);
	commanded_response(c, 0);
	check(c->sent.len > 0, "the valve is set");
	buf_clear(&c->sent);
	commanded_hear(c, 0x01020307, report, sizeof report);
	commanded_response(c, 0);
	check(c->sent.len > 0, "and again");
	buf_clear(&c->sent);
	dev = device_by_sender(c->devices, 0x01020307);
	dev->profile[0] = eep_find(c->eep, 0xA52004);
	commanded_hear(c, 0x01020307, report, sizeof report);
	check(c->sent.len == 0, "another profile: %s", buf_cstr(&c->sent));
	commanded_stop(c);
	devices_close(c->devices);
}

/* An id as a level of a topic. */
static void
test_topics(void)
{
	static const struct {
		const char *id, *line;
	} cases[] = {
		{ "c-1.2:3@4",
		    "{\"topic\":\"STATUS/COMMAND/c-1.2:3@4/plug:2\","
		    "\"t\":1.5,\"re\":\"c-1.2:3@4\",\"vs\":"
		    "\"failed\",\"reason\":\"a \\\"b\\\" ??\"}\n" },
		{ "a/b+#$\"",
		    "{\"topic\":\"STATUS/COMMAND/a_b____/plug:2\","
		    "\"t\":1.5,\"re\":\"a/b+#$\\\"\",\"vs\":"
		    "\"failed\",\"reason\":\"a \\\"b\\\" ??\"}\n" },
		{ "",
		    "{\"topic\":\"STATUS/COMMAND/-/plug:2\",\"t\":1.5,"
		    "\"vs\":\"failed\",\"reason\":\"a \\\"b\\\" ??\"}\n" },
		{ "123456789012345678901234567890123456789012345678901234567890"
		  "1234567890",
		    "{\"topic\":\"STATUS/COMMAND/12345678901234567890123456789"
		    "01234567890123456789012345678901234/plug:2\",\"t\":1.5,"
		    "\"re\":\"12345678901234567890123456789012345678901234567"
		    "89012345678901234567890\",\"vs\":\"failed\",\"reason\":"
		    "\"a \\\"b\\\" ??\"}\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = { 0 };
		struct event e;
		const char *why;

		actuator_say(&out, cases[i].id, "plug:2", SAY_FAILED,
		    "a \"b\" \xC2\n", 1500000);
		check(strcmp(buf_cstr(&out), cases[i].line) == 0, "line: %s",
		    buf_cstr(&out));
		check(event_scan(&e, out.p, out.len - 1, &why) == 0,
		    "%s: no event", cases[i].line);
		buf_fini(&out);
	}
}

int
main(void)
{
	struct commanded c = { 0 };
	const char *fault = commanded_table(&c);

	check(fault == NULL, "%s", fault != NULL ? fault : "");
	if (fault == NULL) {
		test_scenarios(&c);
		test_verbs(&c);
		test_secured(&c);
		test_many(&c);
		test_other_profile(&c);
	}
	test_topics();
	commanded_close(&c);
	return check_done();
}
