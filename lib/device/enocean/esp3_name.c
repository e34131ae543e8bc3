#include "device/enocean/esp3.h"

/* The one of n names that has this number, or NULL. */
static const char *
pick(const char *const *names, size_t n, uint8_t number)
{
	return number < n ? names[number] : NULL;
}

const char *
esp3_type_name(uint8_t type)
{
	static const char *const names[] = {
		[ESP3_RADIO_ERP1] = "RADIO_ERP1",
		[ESP3_RESPONSE] = "RESPONSE",
		[ESP3_RADIO_SUB_TEL] = "RADIO_SUB_TEL",
		[ESP3_EVENT] = "EVENT",
		[ESP3_COMMON_COMMAND] = "COMMON_COMMAND",
		[ESP3_SMART_ACK_COMMAND] = "SMART_ACK_COMMAND",
		[ESP3_REMOTE_MAN_COMMAND] = "REMOTE_MAN_COMMAND",
		[ESP3_RADIO_MESSAGE] = "RADIO_MESSAGE",
		[ESP3_RADIO_ERP2] = "RADIO_ERP2",
		[ESP3_CONFIG_COMMAND] = "CONFIG_COMMAND",
		[ESP3_COMMAND_ACCEPTED] = "COMMAND_ACCEPTED",
		[ESP3_RADIO_802_15_4] = "RADIO_802_15_4",
		[ESP3_COMMAND_2_4] = "COMMAND_2_4",
	};

	return pick(names, sizeof names / sizeof *names, type);
}

const char *
esp3_return_name(uint8_t code)
{
	static const char *const names[] = {
		[0x00] = "OK",
		[0x01] = "ERROR",
		[0x02] = "NOT_SUPPORTED",
		[0x03] = "WRONG_PARAM",
		[0x04] = "OPERATION_DENIED",
		[0x05] = "LOCK_SET",
		[0x06] = "BUFFER_TOO_SMALL",
		[0x07] = "NO_FREE_BUFFER",
		[0x82] = "FLASH_HW_ERROR",
		[0x90] = "BASEID_OUT_OF_RANGE",
		[0x91] = "BASEID_MAX_REACHED",
	};

	return pick(names, sizeof names / sizeof *names, code);
}

const char *
esp3_event_name(uint8_t code)
{
	static const char *const names[] = {
		[1] = "SA_RECLAIM_NOT_SUCCESSFUL",
		[2] = "SA_CONFIRM_LEARN",
		[3] = "SA_LEARN_ACK",
		[4] = "CO_READY",
		[5] = "CO_EVENT_SECUREDEVICES",
		[6] = "CO_DUTYCYCLE_LIMIT",
		[7] = "CO_TRANSMIT_FAILED",
		[8] = "CO_TX_DONE",
		[9] = "CO_LRN_MODE_DISABLED",
	};

	return pick(names, sizeof names / sizeof *names, code);
}

const char *
esp3_command_name(uint8_t code)
{
	static const char *const names[] = {
		[1] = "CO_WR_SLEEP",
		[2] = "CO_WR_RESET",
		[3] = "CO_RD_VERSION",
		[4] = "CO_RD_SYS_LOG",
		[5] = "CO_WR_SYS_LOG",
		[6] = "CO_WR_BIST",
		[7] = "CO_WR_IDBASE",
		[8] = "CO_RD_IDBASE",
		[9] = "CO_WR_REPEATER",
		[10] = "CO_RD_REPEATER",
		[11] = "CO_WR_FILTER_ADD",
		[12] = "CO_WR_FILTER_DEL",
		[13] = "CO_WR_FILTER_DEL_ALL",
		[14] = "CO_WR_FILTER_ENABLE",
		[15] = "CO_RD_FILTER",
		[16] = "CO_WR_WAIT_MATURITY",
		[17] = "CO_WR_SUBTEL",
		[18] = "CO_WR_MEM",
		[19] = "CO_RD_MEM",
		[20] = "CO_RD_MEM_ADDRESS",
		[21] = "CO_RD_SECURITY",
		[22] = "CO_WR_SECURITY",
		[23] = "CO_WR_LEARNMODE",
		[24] = "CO_RD_LEARNMODE",
		[25] = "CO_WR_SECUREDEVICE_ADD",
		[26] = "CO_WR_SECUREDEVICE_DEL",
		[27] = "CO_RD_SECUREDEVICE_BY_INDEX",
		[28] = "CO_WR_MODE",
		[29] = "CO_RD_NUMSECUREDEVICES",
		[30] = "CO_RD_SECUREDEVICE_BY_ID",
		[31] = "CO_WR_SECUREDEVICE_ADD_PSK",
		[32] = "CO_WR_SECUREDEVICE_SENDTEACHIN",
		[33] = "CO_WR_TEMPORARY_RLC_WINDOW",
		[34] = "CO_RD_SECUREDEVICE_PSK",
		[35] = "CO_RD_DUTYCYCLE_LIMIT",
		[36] = "CO_SET_BAUDRATE",
		[37] = "CO_GET_FREQUENCY_INFO",
		[39] = "CO_GET_STEPCODE",
		[46] = "CO_WR_REMAN_CODE",
		[47] = "CO_WR_STARTUP_DELAY",
		[48] = "CO_WR_REMAN_REPEATING",
		[49] = "CO_RD_REMAN_REPEATING",
		[50] = "CO_SET_NOISETHRESHOLD",
		[51] = "CO_GET_NOISETHRESHOLD",
	};

	return pick(names, sizeof names / sizeof *names, code);
}
