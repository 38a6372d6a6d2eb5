/* SPDX-License-Identifier: MIT */
#include "healthhttp.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "failure.h"
#include "healthstate.h"

enum { TICK_MS = 1000 };

/* A connection, from its begin: whoever sends a byte now and then must not keep it for ever. */
struct visit {
	int fd; /* -1: free */
	gint64 since_us;
};

struct server {
	const struct healthhttp_options *options;
	struct MHD_Daemon *http;
	gint64 last_us; /* when a request came last */
	struct visit visits[HEALTHHTTP_CONNECTIONS_MAX];
};

/* --- answers --- */

struct answer {
	unsigned status;
	char *body; /* owned */
};

static struct answer health_answer(const struct healthstate *state)
{
	return (struct answer){
		.status = state->kind == HEALTHSTATE_HEALTHY ? MHD_HTTP_OK
							     : MHD_HTTP_SERVICE_UNAVAILABLE,
		.body = healthstate_body(state),
	};
}

/* Its reader takes any other status for a machine of which nothing is known. */
static struct answer azure_answer(const struct healthstate *state)
{
	return (struct answer){ .status = MHD_HTTP_OK, .body = healthstate_azure_body(state) };
}

static const struct {
	const char *path;
	struct answer (*make)(const struct healthstate *state);
} PATHS[] = {
	{ "/health", health_answer },
	{ "/azure", azure_answer },
};

static struct answer answer_make(const struct server *server, const char *path, const char *method)
{
	struct healthstate state;

	for (size_t i = 0; i < G_N_ELEMENTS(PATHS); i++) {
		if (strcmp(path, PATHS[i].path) != 0)
			continue;
		if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
			return (struct answer){ MHD_HTTP_METHOD_NOT_ALLOWED, g_strdup("") };
		state = healthstate_load(server->options->run_dir);
		return PATHS[i].make(&state);
	}
	return (struct answer){ MHD_HTTP_NOT_FOUND, g_strdup("") };
}

static enum MHD_Result answer_send(struct MHD_Connection *connection, struct answer answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(answer.body), answer.body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result done = MHD_NO;

	g_free(answer.body);
	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, "Content-Type", "application/json") == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
	    MHD_add_response_header(response, "Connection", "close") == MHD_YES &&
	    (answer.status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES))
		done = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return done;
}

/* Answers as soon as the head is there: no body of a request is read. */
static enum MHD_Result request_handle(void *user_data, struct MHD_Connection *connection,
				      const char *path, const char *method, const char *version,
				      const char *upload, size_t *upload_size, void **request)
{
	struct server *server = user_data;

	server->last_us = g_get_monotonic_time();
	return answer_send(connection, answer_make(server, path, method));
}

/* --- connections --- */

static void connection_notify(void *user_data, struct MHD_Connection *connection, void **slot,
			      enum MHD_ConnectionNotificationCode code)
{
	struct server *server = user_data;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		struct visit *visit = *slot;

		if (visit != NULL)
			visit->fd = -1;
		return;
	}
	for (size_t i = 0; info != NULL && i < G_N_ELEMENTS(server->visits); i++) {
		struct visit *visit = &server->visits[i];

		if (visit->fd >= 0)
			continue;
		*visit = (struct visit){ info->connect_fd, g_get_monotonic_time() };
		*slot = visit;
		return;
	}
}

static void visits_end(struct server *server)
{
	const gint64 oldest_us = g_get_monotonic_time() -
				 (gint64)HEALTHHTTP_TIME_S * G_USEC_PER_SEC;

	for (size_t i = 0; i < G_N_ELEMENTS(server->visits); i++) {
		struct visit *visit = &server->visits[i];

		/* libmicrohttpd closes it when it sees the end. */
		if (visit->fd >= 0 && visit->since_us < oldest_us)
			(void)shutdown(visit->fd, SHUT_RDWR); /* fails if the peer is gone */
	}
}

/* --- the loop --- */

static gboolean is_idle(const struct server *server)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->http,
							       MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	const gint64 idle_us = g_get_monotonic_time() - server->last_us;

	return server->options->idle_s > 0 && info != NULL && info->num_connections == 0 &&
	       idle_us >= (gint64)server->options->idle_s * G_USEC_PER_SEC;
}

static gboolean loop(struct server *server, const volatile int *stop, GError **error)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->http,
							       MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd poll_on = { .fd = info != NULL ? info->epoll_fd : -1, .events = POLLIN };

	if (poll_on.fd < 0)
		return failure_set(error, FAULT_HEALTH_SOCKET, "there is no epoll");
	while (!*stop && !is_idle(server)) {
		MHD_UNSIGNED_LONG_LONG left_ms = TICK_MS;

		if (MHD_get_timeout(server->http, &left_ms) != MHD_YES || left_ms > TICK_MS)
			left_ms = TICK_MS;
		if (poll(&poll_on, 1, (int)left_ms) < 0 && errno != EINTR)
			return failure_set(error, FAULT_HEALTH_SOCKET, "poll: %s",
					   g_strerror(errno));
		if (MHD_run(server->http) != MHD_YES)
			return failure_set(error, FAULT_HEALTH_SOCKET,
					   "libmicrohttpd does not run on this socket");
		visits_end(server);
	}
	return TRUE;
}

gboolean healthhttp_run(const struct healthhttp_options *options, const volatile int *stop,
			GError **error)
{
	struct server server = { .options = options, .last_us = g_get_monotonic_time() };
	gboolean done;

	for (size_t i = 0; i < G_N_ELEMENTS(server.visits); i++)
		server.visits[i].fd = -1;
	server.http = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, request_handle, &server, MHD_OPTION_LISTEN_SOCKET,
		options->socket, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HEALTHHTTP_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEALTHHTTP_REQUEST_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HEALTHHTTP_QUIET_S,
		MHD_OPTION_NOTIFY_CONNECTION, connection_notify, &server, MHD_OPTION_END);
	if (server.http == NULL)
		return failure_set(error, FAULT_HEALTH_SOCKET,
				   "libmicrohttpd does not take the socket");
	done = loop(&server, stop, error);
	MHD_stop_daemon(server.http);
	return done;
}
