/* SPDX-License-Identifier: MIT */
/* bench-install CONFIG BUNDLE|URL: installs as azupdated does, in this process and without a bus;
 * $WORKER: the path of an azfetch that fetches and decodes for it, as azupdated's does. Prints what
 * machine_install() counted, as JSON. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "failure.h"
#include "machine.h"
#include "memory.h"
#include "source_ostree.h"
#include "worker.h"

static gboolean install(const char *config_path, int fd, const char *url, GError **error)
{
	const struct machine_install options = { .fd = fd, .url = url, .force = TRUE };
	const struct workers workers = { getenv("WORKER"), WORKER_SILENCE_S, NULL };
	g_autoptr(Config) config = config_load(config_path, error);
	g_autoptr(Machine) machine = NULL;
	struct machine_installed installed;

	if (config != NULL && workers.program != NULL)
		config->workers = &workers;
	if (config != NULL)
		machine = machine_open(config, error);
	if (machine == NULL || !machine_install(machine, &options, &installed, error))
		return FALSE;
	printf("{\"fetched\": %" G_GUINT64_FORMAT ", \"copied\": %" G_GUINT64_FORMAT
	       ", \"made\": %" G_GUINT64_FORMAT ", \"kept\": %" G_GUINT64_FORMAT
	       ", \"written\": %" G_GUINT64_FORMAT "}\n",
	       installed.fetched_bytes, installed.copied_bytes, installed.made_bytes,
	       installed.kept_bytes, installed.written_bytes);
	machine_installed_clear(&installed);
	return TRUE;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *message = NULL;
	const char *url = NULL;
	int fd = -1;

	memory_return_large();
	if (argc != 3)
		return 2;
	if (g_str_has_prefix(argv[2], "http://") || source_ostree_is_url(argv[2]))
		url = argv[2];
	if (url == NULL)
		fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (url == NULL && fd < 0) {
		perror(argv[2]);
		return 1;
	}
	if (install(argv[1], fd, url, &error))
		return 0;
	message = failure_describe(error);
	fprintf(stderr, "bench-install: %s\n", message);
	return 1;
}
