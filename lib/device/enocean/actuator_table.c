#include "device/enocean/actuator_part.h"

#include "base/date.h"

enum {
	TYPES = 0xFFFF00,
	ALONE = 0xFFFFFF,
	SWITCHES = 0xD20100, /* D2-01-xx */
	GATEWAY = 0xA53808,
	VALVE = 0xA52000,
	BLINDS = 0xD20500,
	HEATING = 0xD23400,
	WATER = 0xD2A001,
	ROCKER = 0xF60200,
	LIGHT_STATUS = 0xA51104,
	BLIND_STATUS = 0xA51103
};

/* Types of D2-01 by what they can do (EEP 2.6.8, D2-01, table of types). */
enum {
	DIMS = 1 << 0x02 | 1 << 0x03 | 1 << 0x04 | 1 << 0x05 | 1 << 0x09,
	COUNTS = 1 << 0x00 | 1 << 0x02 | 1 << 0x04 | 1 << 0x05 | 1 << 0x06 |
	    1 << 0x08 | 1 << 0x09 | 1 << 0x0B | 1 << 0x0C | 1 << 0x0E |
	    1 << 0x10,
	WEIGHS = 1 << 0x04 | 1 << 0x05 | 1 << 0x08 | 1 << 0x09 | 1 << 0x0B |
	    1 << 0x0C | 1 << 0x0E,
	REPORTS = 1 << 0x05 | 1 << 0x08 | 1 << 0x09 | 1 << 0x0B | 1 << 0x0C |
	    1 << 0x0E,
	PILOTS = 1 << 0x0C,
	CONNECTS = 1 << 0x0F | 1 << 0x12
};

static const struct actuator_word dim_words[] = {
	{ "timer", "DV", SPECIAL_TIMER },
	{ 0 },
};
static const struct actuator_word switching_words[] = {
	{ "time", "TIM" },
	{ "delay", "TIM", SPECIAL_DELAY },
	{ "lock", "LCK" },
	{ 0 },
};
static const struct actuator_word dimming_words[] = {
	{ "ramp", "RMP", SPECIAL_RAMP },
	{ "store", "STR" },
	{ 0 },
};
static const struct actuator_word slat_words[] = {
	{ "angle", "P2", SPECIAL_DEGREE },
	{ 0 },
};
static const struct actuator_word angle_words[] = {
	{ "angle", "ANG" },
	{ 0 },
};
static const struct actuator_word press_words[] = {
	{ "hold", NULL, SPECIAL_HOLD },
	{ 0 },
};
static const struct actuator_word rocker_words[] = {
	{ "hold", NULL, SPECIAL_HOLD },
	{ "rocker", "R1", SPECIAL_ROCKER },
	{ 0 },
};
static const struct actuator_word room_words[] = {
	{ "room", "TMP" },
	{ 0 },
};
static const struct actuator_word rcu_words[] = {
	{ "room", "TMPRC" },
	{ 0 },
};
static const struct actuator_word duration_words[] = {
	{ "duration", "DUR" },
	{ 0 },
};

const struct actuator_verb actuator_table[] = {
	/* D2-01: switches and dimmers with local control */
	{ "switch", SWITCHES, TYPES, 0, "set_output", "OV", "100", "0",
	    .channel = "IO", .all = "all_outputs", .answer = "status_response",
	    .seen = "OV", .query = "status_query", .patience = DATE_SECOND,
	    .takes = TAKES_SWITCH, .how = HOW_AGAIN | HOW_OUTPUT },
	{ "dim", SWITCHES, TYPES, DIMS, "set_output", "OV", .unit = "/100",
	    .channel = "IO", .all = "all_outputs", .words = dim_words,
	    .answer = "status_response", .seen = "OV", .query = "status_query",
	    .patience = DATE_SECOND, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "stop", SWITCHES, TYPES, DIMS, "set_output",
	    .preset = "DV=stop_dimming OV=not_valid", .channel = "IO",
	    .all = "all_outputs", .answer = "status_response",
	    .query = "status_query", .patience = DATE_SECOND,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "query", SWITCHES, TYPES, 0, "status_query", .channel = "IO",
	    .all = "all_outputs", .answer = "status_response",
	    .patience = DATE_SECOND, .how = HOW_AGAIN },
	{ "measure", SWITCHES, TYPES, COUNTS, "measurement_query", "qu",
	    .only = "energy", .channel = "IO", .all = "all_outputs",
	    .answer = "measurement_response", .seen = "UN",
	    .seen_on = " Ws Wh kWh ", .patience = DATE_SECOND,
	    .takes = TAKES_WORD, .how = HOW_AGAIN },
	{ "measure", SWITCHES, TYPES, WEIGHS, "measurement_query", "qu",
	    .only = "power", .channel = "IO", .all = "all_outputs",
	    .answer = "measurement_response", .seen = "UN", .seen_on = " W kW ",
	    .patience = DATE_SECOND, .takes = TAKES_WORD, .how = HOW_AGAIN },
	{ "configure", SWITCHES, TYPES, 0, "set_local", .channel = "IO",
	    .all = "all_outputs", .answer = "status_response",
	    .query = "status_query", .patience = DATE_SECOND,
	    .takes = TAKES_FIELDS, .how = HOW_AGAIN | HOW_ASK },
	{ "configure", SWITCHES, TYPES, REPORTS, "set_measurement",
	    .channel = "IO", .all = "all_outputs", .takes = TAKES_FIELDS },
	{ "configure", SWITCHES, TYPES, CONNECTS, "set_external_interface",
	    .preset = "AOT=keep DOT=keep", .channel = "IO",
	    .all = "all_outputs", .answer = "external_interface_response",
	    .query = "external_interface_query", .patience = DATE_SECOND,
	    .takes = TAKES_FIELDS, .how = HOW_AGAIN | HOW_ASK },
	{ "configure", SWITCHES, TYPES, DIMS, "set_output_limits",
	    .channel = "IO", .all = "all_outputs",
	    .answer = "output_limits_response", .query = "output_limits_query",
	    .patience = DATE_SECOND, .takes = TAKES_FIELDS,
	    .how = HOW_AGAIN | HOW_ASK },
	{ "pilot", SWITCHES, TYPES, PILOTS, "set_pilot_wire", "PM",
	    .answer = "pilot_wire_response", .seen = "PM",
	    .query = "pilot_wire_query", .patience = DATE_SECOND,
	    .takes = TAKES_WORD, .how = HOW_AGAIN | HOW_ASK },

	/* A5-38-08: what a gateway tells lights, blinds, controllers */
	{ "switch", GATEWAY, ALONE, 0, "switching", "SW", "on", "off",
	    .words = switching_words, .teller = LIGHT_STATUS,
	    .answer = "dimmer_and_hours", .seen = "ST", .seen_on = "on",
	    .patience = DATE_SECOND, .takes = TAKES_SWITCH,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "dim", GATEWAY, ALONE, 0, "dimming", "EDIM", "SW=on", "SW=off",
	    .unit = "/100", .words = dimming_words, .teller = LIGHT_STATUS,
	    .answer = "dimmer_and_hours", .seen = "DV", .tolerance = 1,
	    .patience = DATE_SECOND, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_PERCENT },
	{ "shift", GATEWAY, ALONE, 0, "setpoint_shift", "SP", .unit = "K",
	    .takes = TAKES_NUMBER, .how = HOW_AGAIN | HOW_OUTPUT },
	{ "setpoint", GATEWAY, ALONE, 0, "basic_setpoint", "BSP", .unit = "Cel",
	    .takes = TAKES_NUMBER, .how = HOW_AGAIN | HOW_OUTPUT },
	{ "valve", GATEWAY, ALONE, 0, "control_variable", "CVOV",
	    .unit = "/100", .preset = "CS=override", .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "position", GATEWAY, ALONE, 0, "blind_central", "P1", .unit = "/100",
	    .preset = "FUNC=goto_position_angle PAF=available",
	    .words = slat_words, .teller = BLIND_STATUS, .answer = "main",
	    .seen = "BSP", .tolerance = 2, .patience = 30 * DATE_SECOND,
	    .takes = TAKES_NUMBER, .how = HOW_AGAIN | HOW_OUTPUT },
	{ "stop", GATEWAY, ALONE, 0, "blind_central", .preset = "FUNC=stop",
	    .teller = BLIND_STATUS, .answer = "main", .patience = DATE_SECOND,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "query", GATEWAY, ALONE, 0, "blind_central",
	    .preset = "FUNC=status_request", .teller = BLIND_STATUS,
	    .answer = "main", .patience = DATE_SECOND, .how = HOW_AGAIN },

	/* F6-02-01, F6-02-02: we are the rocker */
	{ "press", ROCKER | 1, ALONE, 0, "button_press", "R1",
	    .preset = "EB=pressed", .words = press_words, .takes = TAKES_WORD,
	    .how = HOW_OUTPUT | HOW_ROCKER },
	{ "press", ROCKER | 2, ALONE, 0, "button_press", "R1",
	    .preset = "EB=pressed", .words = press_words, .takes = TAKES_WORD,
	    .how = HOW_OUTPUT | HOW_ROCKER },
	{ "release", ROCKER | 1, ALONE, 0, "release_or_multi",
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "release", ROCKER | 2, ALONE, 0, "release_or_multi",
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "switch", ROCKER | 1, ALONE, 0, "button_press", "R1", "AI", "A0",
	    .preset = "EB=pressed", .words = rocker_words,
	    .takes = TAKES_SWITCH, .how = HOW_OUTPUT | HOW_ROCKER },
	{ "switch", ROCKER | 2, ALONE, 0, "button_press", "R1", "AI", "A0",
	    .preset = "EB=pressed", .words = rocker_words,
	    .takes = TAKES_SWITCH, .how = HOW_OUTPUT | HOW_ROCKER },

	/* A5-20: valves */
	{ "valve", VALVE | 1, ALONE, 0, "command_to_actuator", "SP",
	    .unit = "/100", .preset = "SPS=valve_position",
	    .once = " RIN LFS VO VC RCU ", .instead = " SP TSP SPS TMP ",
	    .words = room_words, .answer = "status_from_actuator", .seen = "CV",
	    .tolerance = 1, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "setpoint", VALVE | 1, ALONE, 0, "command_to_actuator", "TSP",
	    .unit = "Cel", .preset = "SPS=temperature_setpoint",
	    .once = " RIN LFS VO VC RCU ", .instead = " SP TSP SPS TMP ",
	    .words = room_words, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "configure", VALVE | 1, ALONE, 0, "command_to_actuator",
	    .once = " RIN LFS VO VC RCU ", .takes = TAKES_FIELDS,
	    .how = HOW_WAKES | HOW_KEPT | HOW_NEEDS },
	{ "valve", VALVE | 2, ALONE, 0, "command_to_actuator", "VSP",
	    .unit = "/100", .answer = "status_from_actuator", .seen = "AV",
	    .tolerance = 1, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "valve", VALVE | 3, ALONE, 0, "command_to_actuator", "ATS",
	    .unit = "/100", .preset = "SPS=valve_position",
	    .instead = " ATS TSP SPS TMPRC ", .words = rcu_words,
	    .answer = "status_from_actuator", .seen = "AV", .tolerance = 1,
	    .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "setpoint", VALVE | 3, ALONE, 0, "command_to_actuator", "TSP",
	    .unit = "Cel", .preset = "SPS=temperature_setpoint",
	    .instead = " ATS TSP SPS TMPRC ", .words = rcu_words,
	    .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "valve", VALVE | 4, ALONE, 0, "command_to_actuator", "POS",
	    .unit = "/100", .once = " SER ", .answer = "status_from_actuator",
	    .seen = "CP", .tolerance = 1, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "setpoint", VALVE | 4, ALONE, 0, "command_to_actuator", "TSP",
	    .unit = "Cel", .once = " SER ", .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT | HOW_NEEDS },
	{ "configure", VALVE | 4, ALONE, 0, "command_to_actuator",
	    .once = " SER ", .takes = TAKES_FIELDS,
	    .how = HOW_WAKES | HOW_KEPT | HOW_NEEDS },
	{ "valve", VALVE | 6, ALONE, 0, "command_to_actuator", "SP",
	    .unit = "/100", .preset = "SPS=valve_position", .once = " REF ",
	    .instead = " SP TSP SPS TMP ", .words = room_words,
	    .answer = "status_from_actuator", .seen = "CV", .tolerance = 1,
	    .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "setpoint", VALVE | 6, ALONE, 0, "command_to_actuator", "TSP",
	    .unit = "Cel", .preset = "SPS=temperature", .once = " REF ",
	    .instead = " SP TSP SPS TMP ", .words = room_words,
	    .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT | HOW_WAKES | HOW_KEPT },
	{ "configure", VALVE | 6, ALONE, 0, "command_to_actuator",
	    .once = " REF ", .takes = TAKES_FIELDS,
	    .how = HOW_WAKES | HOW_KEPT | HOW_NEEDS },
	{ "valve", VALVE | 0x12, ALONE, 0, "main", "CV", .unit = "/100",
	    .preset = "CST=override_by_DB3 SPS=0 FANOR=not_available",
	    .takes = TAKES_NUMBER, .how = HOW_AGAIN | HOW_OUTPUT },
	{ "shift", VALVE | 0x12, ALONE, 0, "main", "SPS", .unit = "K",
	    .preset = "FANOR=not_available", .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT },

	/* D2-05: blinds.  They take their time, and tell when asked. */
	{ "position", BLINDS, TYPES, 0, "goto_position_angle", "POS",
	    .unit = "/100", .preset = "ANG=no_change", .channel = "CHN",
	    .all = "all", .words = angle_words, .answer = "reply_position",
	    .seen = "POS", .query = "query_position", .tolerance = 2,
	    .patience = 30 * DATE_SECOND, .takes = TAKES_NUMBER,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "stop", BLINDS, TYPES, 0, "stop", .channel = "CHN", .all = "all",
	    .answer = "reply_position", .query = "query_position",
	    .patience = DATE_SECOND, .how = HOW_AGAIN | HOW_OUTPUT },
	{ "query", BLINDS, TYPES, 0, "query_position", .channel = "CHN",
	    .all = "all", .answer = "reply_position", .patience = DATE_SECOND,
	    .how = HOW_AGAIN },
	{ "configure", BLINDS, TYPES, 0, "set_parameters",
	    .preset = "VERT=no_change ROT=no_change AA=no_change",
	    .channel = "CHN", .all = "all", .takes = TAKES_FIELDS,
	    .how = HOW_AGAIN },

	/* D2-34: heating actuators */
	{ "setpoint", HEATING, TYPES, 0, "setpoint_configuration", "OVR",
	    .unit = "Cel", .preset = "CFG=override", .channel = "CHN",
	    .all = "all", .words = duration_words,
	    .answer = "setpoint_response", .seen = "OVR",
	    .query = "setpoint_query", .patience = 2 * DATE_SECOND,
	    .takes = TAKES_NUMBER, .how = HOW_AGAIN | HOW_OUTPUT | HOW_ASK },
	{ "query", HEATING, TYPES, 0, "status_query", .channel = "CHN",
	    .all = "all", .answer = "status_response",
	    .patience = 2 * DATE_SECOND, .how = HOW_AGAIN },

	/* D2-A0-01: water valve */
	{ "switch", WATER, ALONE, 0, "request", "REQ", "open", "close",
	    .answer = "feedback", .seen = "FDB", .seen_on = "open",
	    .patience = 10 * DATE_SECOND, .takes = TAKES_SWITCH,
	    .how = HOW_AGAIN | HOW_OUTPUT },
	{ "query", WATER, ALONE, 0, "request", .preset = "REQ=no_change",
	    .answer = "feedback", .patience = 10 * DATE_SECOND,
	    .how = HOW_AGAIN },
};

const size_t actuator_rows = sizeof actuator_table / sizeof actuator_table[0];
