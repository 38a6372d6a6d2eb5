/* SPDX-License-Identifier: MIT */
/* Folders as /sys/class/power_supply has them, of machines of all kinds. */
#include "situation.h"

#include "tap.h"
#include "tempdir.h"

struct attribute {
	const char *name; /* NULL ends a machine */
	const char *text;
};

static struct situation of(const struct attribute *attributes)
{
	char *folder = tempdir_new();
	struct situation situation;

	for (; attributes->name != NULL; attributes++)
		expect(tempdir_write(folder, attributes->name, attributes->text, 0644));
	situation = situation_read(folder, folder, NULL);
	tempdir_free(folder);
	return situation;
}

static void test_server(void)
{
	static const struct attribute NONE[] = { { NULL, NULL } };
	const struct situation server = of(NONE);

	expect(server.mains == SITUATION_UNKNOWN && server.battery_percent == SITUATION_UNKNOWN &&
	       server.metered == SITUATION_UNKNOWN);
	expect(server.free_bytes > 0 && server.free_bytes < G_MAXUINT64);
}

static void test_laptop(void)
{
	static const struct attribute PLUGGED[] = {
		{ "AC/type", "Mains\n" },        { "AC/online", "1\n" },
		{ "BAT0/type", "Battery\n" },    { "BAT0/capacity", "81\n" },
		{ "BAT0/status", "Charging\n" }, { "BAT1/type", "Battery\n" },
		{ "BAT1/capacity", "7\n" },      { "BAT1/status", "Full\n" },
		{ "mouse/type", "Battery\n" },   { "mouse/scope", "Device\n" },
		{ "mouse/capacity", "2\n" },     { NULL, NULL },
	};
	static const struct attribute UNPLUGGED[] = {
		{ "AC/type", "Mains\n" },
		{ "AC/online", "0\n" },
		{ "USB/type", "USB\n" },
		{ "USB/online", "0\n" },
		{ "BAT0/type", "Battery\n" },
		{ "BAT0/capacity", "100\n" },
		{ "BAT0/status", "Discharging\n" },
		{ NULL, NULL },
	};
	static const struct attribute USB[] = {
		{ "AC/type", "Mains\n" }, { "AC/online", "0\n" }, { "USB/type", "USB_C\n" },
		{ "USB/online", "1\n" },  { NULL, NULL },
	};
	const struct situation plugged = of(PLUGGED);
	const struct situation unplugged = of(UNPLUGGED);

	expect(plugged.mains == 1 && plugged.battery_percent == 7);
	expect(unplugged.mains == 0 && unplugged.battery_percent == 100);
	expect(of(USB).mains == 1);
}

static void test_tablet(void)
{
	static const struct attribute TABLET[] = {
		{ "BAT/type", "Battery" },
		{ "BAT/capacity", "50" },
		{ "BAT/status", "Discharging" },
		{ NULL, NULL },
	};
	static const struct attribute ODD[] = {
		{ "BAT/type", "Battery" },       { "BAT/capacity", "101" },
		{ "BAT/status", "Discharging" }, { "X/type", "Mains" },
		{ "X/online", "perhaps" },       { NULL, NULL },
	};

	expect(of(TABLET).mains == 0 && of(TABLET).battery_percent == 50);
	expect(of(ODD).mains == SITUATION_UNKNOWN && of(ODD).battery_percent == SITUATION_UNKNOWN);
}

static const struct tap_case CASES[] = {
	{ "a server", test_server },
	{ "a laptop", test_laptop },
	{ "a tablet", test_tablet },
};
TAP_MAIN(CASES)
