#include "device/enocean/generic_part.h"

/* EnOcean Generic Profiles 1.4, the signal types; the place is the number. */

static const char *const flag_automatic[] = { "manual", "automatic" };
static const char *const flag_button_pressed[] = { "released", "pressed" };
static const char *const flag_button_changed[] = { "no_change", "changed" };
static const char *const flag_day_night[] = { "night", "day" };
static const char *const flag_down[] = { "no_change", "down" };
static const char *const flag_alarm[] = { "normal", "alarm" };
static const char *const flag_heating_cooling[] = { "cooling", "heating" };
static const char *const flag_high_low[] = { "low", "high" };
static const char *const flag_occupancy[] = { "unoccupied", "occupied" };
static const char *const flag_on_off[] = { "off", "on" };
static const char *const flag_open_closed[] = { "closed", "open" };
static const char *const flag_power_alarm[] = { "normal", "alarm" };
static const char *const flag_start_stop[] = { "stopped", "started" };
static const char *const flag_up[] = { "no_change", "up" };
static const char *const enum_building_mode[] = { "in_use", "not_used",
	"protection" };
static const char *const enum_occupancy_mode[] = { "occupied", "standby",
	"unoccupied" };
static const char *const enum_hvac_mode[] = { "auto", "comfort", "standby",
	"economy", "building_protection" };
static const char *const enum_changeover_mode[] = { "auto", "cooling",
	"heating" };

static const struct generic_signal data[] = {
	[1] = { "acceleration", "m/s2", { NULL, "Acceleration" } },
	[2] = { "angle", "deg", { NULL, "Angle" } },
	[3] = { "angular_velocity", "rad/s" },
	[4] = { "area", "m2", { NULL, "Area" } },
	[5] = { "concentration", "ppm", { NULL, "Concentration" } },
	[6] = { "current", "A", { NULL, "Current" } },
	[7] = { "distance", "m", { NULL, "Distance" } },
	[8] = { "electric_field_strength", "V/m" },
	[9] = { "energy", "J", { NULL, "EnergyImport" } },
	[10] = { "number", NULL, { NULL, "Number" } },
	[11] = { "force", "N", { NULL, "Force" } },
	[12] = { "frequency", "Hz", { NULL, "Frequency" } },
	[13] = { "heat_flux_density", "W/m2", { NULL, "HeatFlux" } },
	[14] = { "impulse", "Ns" },
	[15] = { "illuminance", "lx",
	    { NULL, "Illuminance", "IlluminanceSetpoint" } },
	[16] = { "magnetic_field_strength", "A/m" },
	[17] = { "mass", "kg", { NULL, "Mass" } },
	[18] = { "mass_density", "kg/m3", { NULL, "Density" } },
	[19] = { "mass_flow", "kg/s" },
	[20] = { "power", "W", { NULL, "Power" } },
	[21] = { "pressure", "Pa", { NULL, "Pressure" } },
	[22] = { "relative_humidity", "%RH",
	    { NULL, "Humidity", "HumiditySetpoint" } },
	[23] = { "resistance", "Ohm", { NULL, "Resistance" } },
	[24] = { "temperature", "Cel",
	    { NULL, "Temperature", "TemperatureSetpoint", "SetpointShift" } },
	[25] = { "time", "s", { NULL, "Duration" } },
	[26] = { "torque", "Nm" },
	[27] = { "velocity", "m/s", { NULL, "Velocity" } },
	[28] = { "voltage", "V", { NULL, "Voltage" } },
	[29] = { "volume", "m3", { NULL, "Volume" } },
	[30] = { "volumetric_flow", "m3/s", { NULL, "FlowRate" } },
	[31] = { "sound_pressure_level", "dB", { NULL, "SoundLevel" } },
	[32] = { "colour_temperature", "K", { NULL, "ColourTemperature" } },
};

static const struct generic_signal flags[] = {
	[1] = { "automatic", NULL, { NULL, "AutomaticMode" }, flag_automatic,
	    2 },
	[2] = { "button_pressed", NULL, { NULL, "ButtonPressed" },
	    flag_button_pressed, 2 },
	[3] = { "button_changed", NULL, { NULL, NULL }, flag_button_changed,
	    2 },
	[4] = { "day_night", NULL, { NULL, "Night" }, flag_day_night, 2,
	    .inverted = 1 },
	[5] = { "down", NULL, { NULL, NULL }, flag_down, 2 },
	[6] = { "alarm", NULL, { NULL, "Alarm" }, flag_alarm, 2 },
	[7] = { "heating_cooling", NULL, { NULL, "Heating" },
	    flag_heating_cooling, 2 },
	[8] = { "high_low", NULL, { NULL, "DigitalInput" }, flag_high_low, 2 },
	[9] = { "occupancy", NULL, { NULL, "Occupancy" }, flag_occupancy, 2 },
	[10] = { "on_off", NULL, { NULL, "Switch" }, flag_on_off, 2 },
	[11] = { "open_closed", NULL, { NULL, "Contact" }, flag_open_closed, 2,
	    .inverted = 1 },
	[12] = { "power_alarm", NULL, { NULL, "PowerAlarm" }, flag_power_alarm,
	    2 },
	[13] = { "start_stop", NULL, { NULL, "Running" }, flag_start_stop, 2 },
	[14] = { "up", NULL, { NULL, NULL }, flag_up, 2 },
};

static const struct generic_signal enumerations[] = {
	[1] = { "multipurpose", NULL, { NULL, NULL } },
	[2] = { "building_mode", NULL, { NULL, "BuildingMode" },
	    enum_building_mode, 3 },
	[3] = { "occupancy_mode", NULL, { NULL, "OccupancyMode" },
	    enum_occupancy_mode, 3 },
	[4] = { "hvac_mode", NULL, { NULL, "HvacMode" }, enum_hvac_mode, 5 },
	[5] = { "changeover_mode", NULL, { NULL, "ChangeoverMode" },
	    enum_changeover_mode, 3 },
	[6] = { "time", NULL, { NULL, NULL } },
	[7] = { "battery", "%EL", { NULL, "BatteryLevel" }, .halves = 1 },
};

static const struct generic_signal none;

const struct generic_signal *
generic_signal(enum generic_type type, uint8_t signal)
{
	static const struct {
		const struct generic_signal *signal;
		size_t count;
	} tables[] = {
		[GENERIC_INFORMATION] = { &none, 1 },
		[GENERIC_DATA] = { data, sizeof data / sizeof *data },
		[GENERIC_FLAG] = { flags, sizeof flags / sizeof *flags },
		[GENERIC_ENUMERATION] = { enumerations,
		    sizeof enumerations / sizeof *enumerations },
	};

	return signal < tables[type].count ? &tables[type].signal[signal]
					   : &none;
}
