/* SPDX-License-Identifier: MIT */
#include "healthbuiltin.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/statvfs.h>

#include "dmroot.h"
#include "healthjudge.h"
#include "httpcall.h"
#include "source_ostree.h"
#include "systemdunits.h"

enum {
	LOOK_MS = 1000,
	LINKS_MAX = 1024, /* addresses that are looked at */
	SOURCE_ANSWER_MAX = 1024 * 1024,
	OK_FIRST = 200,
	OK_END = 400,
};

/* NULL, or what is wrong; to be freed. */
typedef char *(*builtin_look)(const struct health_options *options, GCancellable *cancellable);

struct builtin {
	const char *name;
	fault why;
	gboolean waits;       /* for what may come within the timeout */
	gboolean only_wanted; /* it says nothing of the release */
	builtin_look look;
};

static char *root_look(const struct health_options *options, GCancellable *cancellable)
{
	struct healthjudge_root root;
	g_autoptr(GError) why = NULL;
	char *reason;

	if (!dmroot_read(&root, &why))
		return g_strdup(why->message);
	reason = healthjudge_root(&root, options->expected.root_hash);
	g_free(root.root_hash);
	return reason;
}

static char *failed_units_look(const struct health_options *options, GCancellable *cancellable)
{
	g_autoptr(GError) why = NULL;
	g_auto(GStrv) failed = systemdunits_failed(options->bus, cancellable, &why);

	return failed == NULL ? g_strdup(why->message)
			      : healthjudge_failed_units(failed, options->expected.failed_except);
}

static gboolean address_serves(const struct sockaddr *address)
{
	if (address == NULL)
		return FALSE;
	if (address->sa_family == AF_INET)
		return healthjudge_address(
			(const guint8 *)&((const struct sockaddr_in *)(const void *)address)
				->sin_addr,
			4);
	return address->sa_family == AF_INET6 &&
	       healthjudge_address(
		       (const guint8 *)&((const struct sockaddr_in6 *)(const void *)address)
			       ->sin6_addr,
		       16);
}

static void links_read(struct healthjudge_network *network)
{
	struct ifaddrs *list = NULL;
	unsigned count = 0;

	if (getifaddrs(&list) != 0)
		return;
	for (const struct ifaddrs *link = list; link != NULL && count < LINKS_MAX;
	     link = link->ifa_next, count++) {
		if ((link->ifa_flags & IFF_LOOPBACK) != 0 || (link->ifa_flags & IFF_UP) == 0 ||
		    (link->ifa_flags & IFF_RUNNING) == 0)
			continue;
		network->links++;
		network->addresses += address_serves(link->ifa_addr) ? 1 : 0;
	}
	freeifaddrs(list);
}

static char *network_look(const struct health_options *options, GCancellable *cancellable)
{
	const char *folder = options->expected.proc_net != NULL ? options->expected.proc_net
								: "/proc/net";
	g_autofree char *path4 = g_build_filename(folder, "route", NULL);
	g_autofree char *path6 = g_build_filename(folder, "ipv6_route", NULL);
	struct healthjudge_network network = { 0 };
	g_autofree char *text4 = NULL;
	g_autofree char *text6 = NULL;

	links_read(&network);
	(void)g_file_get_contents(path4, &text4, NULL, NULL); /* not there is no route */
	(void)g_file_get_contents(path6, &text6, NULL, NULL);
	network.has_route = (text4 != NULL && healthjudge_route4(text4)) ||
			    (text6 != NULL && healthjudge_route6(text6));
	return healthjudge_network(&network);
}

static char *clock_look(const struct health_options *options, GCancellable *cancellable)
{
	return healthjudge_clock((guint64)(MAX(g_get_real_time(), 0) / G_USEC_PER_SEC),
				 options->expected.build_time_s);
}

static char *etc_look(const struct health_options *options, GCancellable *cancellable)
{
	return g_strdup(options->expected.etc);
}

static char *space_look(const struct health_options *options, GCancellable *cancellable)
{
	const char *path = options->expected.space_path;
	struct statvfs info;

	if (path == NULL || statvfs(path, &info) != 0)
		return g_strdup_printf("%s cannot be looked at", path != NULL ? path : "var");
	return healthjudge_space((guint64)info.f_bavail * info.f_frsize >> 20,
				 options->expected.space_mib);
}

static char *source_look(const struct health_options *options, GCancellable *cancellable)
{
	const char *base = options->expected.repository;
	g_autofree char *url = NULL;
	struct httpcall call = { .answer_max = SOURCE_ANSWER_MAX, .time_s = options->timeout_s };
	struct httpcall_answer answer = { 0 };
	g_autoptr(GError) why = NULL;
	char *reason = NULL;

	if (base == NULL)
		return g_strdup("no repository is configured");
	/* What a client asks a repository for first, whatever it holds. */
	url = source_ostree_ref_url(base);
	if (url == NULL)
		url = g_strconcat(base, g_str_has_suffix(base, "/") ? "" : "/",
				  "metadata/timestamp.json", NULL);
	call.url = url;
	if (!httpcall_run(&call, options->expected.network, cancellable, &answer, &why))
		return g_strdup(why->message);
	if (answer.status < OK_FIRST || answer.status >= OK_END)
		reason = g_strdup_printf("the repository answers with status %u", answer.status);
	httpcall_answer_clear(&answer);
	return reason;
}

static const struct builtin BUILTINS[] = {
	{ "root", FAULT_HEALTH_ROOT, FALSE, FALSE, root_look },
	{ "failed-units", FAULT_HEALTH_FAILED_UNITS, FALSE, FALSE, failed_units_look },
	{ "network", FAULT_HEALTH_NETWORK, TRUE, FALSE, network_look },
	{ "clock", FAULT_HEALTH_CLOCK, TRUE, FALSE, clock_look },
	{ "etc", FAULT_HEALTH_ETC, FALSE, FALSE, etc_look },
	{ "space", FAULT_HEALTH_SPACE, FALSE, FALSE, space_look },
	{ "source", FAULT_HEALTH_SOURCE, FALSE, TRUE, source_look },
};

static const struct builtin *builtin_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(BUILTINS); i++)
		if (strcmp(BUILTINS[i].name, name) == 0)
			return &BUILTINS[i];
	return NULL;
}

gboolean healthbuiltin_is_known(const char *name)
{
	return builtin_find(name) != NULL;
}

gboolean healthbuiltin_may_be_required(const char *name)
{
	const struct builtin *builtin = builtin_find(name);

	return builtin != NULL && !builtin->only_wanted;
}

static void look_pause(GCancellable *cancellable)
{
	GPollFD poll;

	if (!g_cancellable_make_pollfd(cancellable, &poll)) {
		g_usleep(LOOK_MS * 1000);
		return;
	}
	g_poll(&poll, 1, LOOK_MS);
	g_cancellable_release_fd(cancellable);
}

static char *builtin_wait(const struct builtin *builtin, const struct health_options *options,
			  GCancellable *cancellable)
{
	const gint64 deadline_us = g_get_monotonic_time() +
				   (gint64)options->timeout_s * G_USEC_PER_SEC;
	char *reason = builtin->look(options, cancellable);

	while (builtin->waits && reason != NULL && g_get_monotonic_time() < deadline_us &&
	       !g_cancellable_is_cancelled(cancellable)) {
		look_pause(cancellable);
		g_free(reason);
		reason = builtin->look(options, cancellable);
	}
	return reason;
}

/* What was waited for is not waited for again. */
void healthbuiltin_run(const struct healthlist_entry *entry, const struct health_options *options,
		       unsigned run, GCancellable *cancellable, struct healthoutcome *ret_outcome)
{
	const struct builtin *builtin = builtin_find(entry->name);
	g_autofree char *reason = NULL;

	g_assert(builtin != NULL); /* the configuration names no others */
	reason = builtin_wait(builtin, options, cancellable);
	*ret_outcome = (struct healthoutcome){
		.why = reason == NULL ? FAULT_OK : builtin->why,
		.is_final = builtin->waits,
		.exit_status = -1,
		.reason = reason == NULL ? NULL : g_strdup_printf("failed: %s", reason),
	};
}
