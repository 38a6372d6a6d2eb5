/* SPDX-License-Identifier: MIT */
/* bench-store CONFIG add|restore VERSION: the store of past releases, as azupdated has it, in this
 * process and without a bus. `add` commits the release that runs, which must be VERSION, and stores
 * it; `restore` makes a stored one stand in the other slot. Prints what was counted, as JSON. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "failure.h"
#include "machine.h"
#include "memory.h"

static const struct machine_install OPTIONS = { .fd = -1, .force = TRUE, .activate = TRUE };

static gboolean running_is(Machine *machine, const char *version, unsigned *ret_slot,
			   GError **error)
{
	g_autoptr(MachineStatus) status = machine_status_get(machine, error);

	if (status == NULL)
		return FALSE;
	*ret_slot = status->running;
	return (status->running != MACHINE_RUNNING_UNKNOWN &&
		g_strcmp0(status->slots[status->running].version, version) == 0) ||
	       failure_set(error, FAULT_RELEASE_ABSENT, "version %s does not run", version);
}

static gboolean add(Machine *machine, const char *version, GError **error)
{
	struct machine_stored stored;
	unsigned slot;

	if (!running_is(machine, version, &slot, error) ||
	    !machine_mark_good(machine, slot, error) ||
	    !machine_store_add(machine, &OPTIONS, &stored, error))
		return FALSE;
	printf("{\"new\": %" G_GUINT64_FORMAT ", \"store\": %" G_GUINT64_FORMAT
	       ", \"dropped\": %u}\n",
	       stored.new_bytes, stored.store_bytes, stored.dropped->len);
	machine_stored_clear(&stored);
	return TRUE;
}

static gboolean restore(Machine *machine, const char *version, GError **error)
{
	struct machine_installed installed;

	if (!machine_restore(machine, version, &OPTIONS, &installed, error))
		return FALSE;
	printf("{\"read\": %" G_GUINT64_FORMAT ", \"copied\": %" G_GUINT64_FORMAT
	       ", \"kept\": %" G_GUINT64_FORMAT ", \"written\": %" G_GUINT64_FORMAT "}\n",
	       installed.fetched_bytes, installed.copied_bytes, installed.kept_bytes,
	       installed.written_bytes);
	machine_installed_clear(&installed);
	return TRUE;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) config = NULL;
	g_autoptr(Machine) machine = NULL;
	g_autofree char *message = NULL;
	gboolean (*act)(Machine *, const char *, GError **) = NULL;

	memory_return_large();
	if (argc == 4)
		act = strcmp(argv[2], "add") == 0       ? add
		      : strcmp(argv[2], "restore") == 0 ? restore
							: NULL;
	if (act == NULL)
		return 2;
	config = config_load(argv[1], &error);
	machine = config != NULL ? machine_open(config, &error) : NULL;
	if (machine != NULL && act(machine, argv[3], &error))
		return 0;
	message = failure_describe(error);
	fprintf(stderr, "bench-store: %s\n", message);
	return 1;
}
