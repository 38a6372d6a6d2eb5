/* SPDX-License-Identifier: MIT */
/* The answer is read by one table: which element may matter within which. Everything else is
 * passed over, as later servers may say more. GMarkup expands no entities but XML's own five, and
 * a document type, in which others could be declared, is refused. */
#include "omahaxml.h"

#include <string.h>

#include "failure.h"
#include "plaintext.h"
#include "transfer.h"
#include "version.h"

enum { MESSAGE_MAX = 200 };

/* --- the request --- */

static gboolean digits_skip(const char **at)
{
	const char *start = *at;

	while (g_ascii_isdigit(**at))
		(*at)++;
	return *at > start && *at - start <= 18 && (*at - start == 1 || *start != '0');
}

/* Words of letters, digits and dashes with dots between; a number has no zero in front. */
static gboolean words_skip(const char **at, gboolean numbers)
{
	do {
		const char *start = *at;
		gboolean number = TRUE;

		for (; g_ascii_isalnum(**at) || **at == '-'; (*at)++)
			number &= g_ascii_isdigit(**at);
		if (*at == start || (numbers && number && *at - start > 1 && *start == '0'))
			return FALSE;
	} while (*(*at)++ == '.');
	(*at)--;
	return TRUE;
}

gboolean omahaxml_version_is_sayable(const char *version)
{
	const char *at = version;

	if (!version_is_valid(version))
		return FALSE;
	for (unsigned i = 0; i < 3; i++) {
		if (i > 0 && *at++ != '.')
			return FALSE;
		if (!digits_skip(&at))
			return FALSE;
	}
	if (*at == '-') {
		at++;
		if (!words_skip(&at, TRUE))
			return FALSE;
	}
	if (*at == '+') {
		at++;
		if (!words_skip(&at, FALSE))
			return FALSE;
	}
	return *at == '\0';
}

/* Nebraska takes `board` first, and what it does not know for x86-64, without a word. */
struct machine_kind {
	const char *architecture;
	const char *board;
	const char *arch;
};

static const struct machine_kind *kind_find(const char *architecture)
{
	static const struct machine_kind KINDS[] = {
		{ "x86_64", "amd64-usr", "x64" },
		{ "aarch64", "arm64-usr", "arm" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(KINDS); i++)
		if (strcmp(KINDS[i].architecture, architecture) == 0)
			return &KINDS[i];
	return NULL;
}

static gboolean word_check(const char *what, const char *word, GError **error)
{
	const size_t size = strlen(word);
	gboolean good = size > 0 && size <= OMAHA_WORD_MAX;

	for (const char *at = word; *at != '\0'; at++)
		good &= g_ascii_isprint(*at);
	return good || failure_set(error, FAULT_OMAHA_VALUE,
				   "the %s \"%.80s\" is not 1 to %d printable characters", what,
				   word, OMAHA_WORD_MAX);
}

static gboolean client_check(const struct omaha_client *client, GError **error)
{
	if (!word_check("app", client->app, error) || !word_check("track", client->track, error) ||
	    !word_check("machine", client->machine_id, error) ||
	    !word_check("boot", client->boot_id, error))
		return FALSE;
	if (!omahaxml_version_is_sayable(client->version))
		return failure_set(error, FAULT_OMAHA_VALUE,
				   "version %.64s does not have the form 1.2.3", client->version);
	return kind_find(client->architecture) != NULL ||
	       failure_set(error, FAULT_OMAHA_VALUE, "servers do not know the architecture %.32s",
			   client->architecture);
}

static void text_add(GString *text, const char *format, ...)
{
	g_autofree char *added = NULL;
	va_list arguments;

	va_start(arguments, format);
	added = g_markup_vprintf_escaped(format, arguments);
	va_end(arguments);
	g_string_append(text, added);
}

static void event_add(GString *text, const struct omahaxml_event *event)
{
	text_add(text, "<event eventtype=\"%u\" eventresult=\"%u\"", event->type, event->result);
	if (event->error > 0)
		text_add(text, " errorcode=\"%u\"", event->error);
	if (event->previous != NULL)
		text_add(text, " previousversion=\"%s\"", event->previous);
	g_string_append(text, "/>");
}

char *omahaxml_encode(const struct omahaxml_request *request, GError **error)
{
	const struct omaha_client *client = request->client;
	const struct machine_kind *kind = kind_find(client->architecture);
	GString *text;

	if (!client_check(client, error))
		return NULL;
	text = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	text_add(text,
		 "<request protocol=\"3.0\" version=\"azupdate-%s\" updaterversion=\"azupdate-%s\""
		 " installsource=\"%s\" ismachine=\"1\">",
		 AZUPDATE_VERSION, AZUPDATE_VERSION,
		 request->on_demand ? "ondemandupdate" : "scheduler");
	text_add(text, "<os platform=\"azupdate\" version=\"%s\" sp=\"%s_%s\" arch=\"%s\"/>",
		 client->version, client->version, client->architecture, kind->arch);
	text_add(text,
		 "<app appid=\"%s\" version=\"%s\" track=\"%s\" board=\"%s\" machineid=\"%s\""
		 " bootid=\"%s\" delta_okay=\"true\">",
		 client->app, client->version, client->track, kind->board, client->machine_id,
		 client->boot_id);
	for (size_t i = 0; i < request->event_count; i++)
		event_add(text, &request->events[i]);
	g_string_append(text, "<ping active=\"1\"/>");
	if (request->check)
		g_string_append(text, "<updatecheck/>");
	g_string_append(text, "</app></request>");
	return g_string_free(text, FALSE);
}

/* --- the answer --- */

enum place {
	PLACE_TOP,
	PLACE_RESPONSE,
	PLACE_APP, /* ours */
	PLACE_CHECK,
	PLACE_URLS,
	PLACE_URL,
	PLACE_MANIFEST,
	PLACE_PACKAGES,
	PLACE_PACKAGE,
	PLACE_OTHER, /* with all that is in it */
};

struct reading {
	const char *app;
	enum place places[OMAHAXML_DEPTH_MAX + 1];
	unsigned depth;
	unsigned elements;
	gboolean seen_response;
	char *app_status;
	char *check_status;
	char *codebase; /* the first one */
	char *version;
	char *name; /* the first package's */
};

static void reading_clear(struct reading *reading)
{
	g_free(reading->app_status);
	g_free(reading->check_status);
	g_free(reading->codebase);
	g_free(reading->version);
	g_free(reading->name);
}

static enum place place_find(enum place within, const char *element)
{
	static const struct {
		enum place within;
		const char *element;
		enum place place;
	} ROWS[] = {
		{ PLACE_TOP, "response", PLACE_RESPONSE },
		{ PLACE_RESPONSE, "app", PLACE_APP },
		{ PLACE_APP, "updatecheck", PLACE_CHECK },
		{ PLACE_CHECK, "urls", PLACE_URLS },
		{ PLACE_URLS, "url", PLACE_URL },
		{ PLACE_CHECK, "manifest", PLACE_MANIFEST },
		{ PLACE_MANIFEST, "packages", PLACE_PACKAGES },
		{ PLACE_PACKAGES, "package", PLACE_PACKAGE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (ROWS[i].within == within && strcmp(ROWS[i].element, element) == 0)
			return ROWS[i].place;
	return PLACE_OTHER;
}

/* Braces, spaces and case do not count. */
static gboolean app_is_same(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "{} ");
		b += strspn(b, "{} ");
		if (g_ascii_tolower(*a) != g_ascii_tolower(*b))
			return FALSE;
		if (*a == '\0')
			return TRUE;
		a++;
		b++;
	}
}

struct element {
	const char *name;
	const char **names; /* of attributes */
	const char **values;
};

static gboolean value_is_sane(const char *value)
{
	const size_t size = strnlen(value, OMAHAXML_VALUE_MAX + 1);

	if (size == 0 || size > OMAHAXML_VALUE_MAX)
		return FALSE;
	for (const char *at = value; *at != '\0'; at++)
		if (!g_ascii_isgraph(*at))
			return FALSE;
	return TRUE;
}

/* Borrowed; NULL with a failure, which a second attribute of the same name is, too. */
static const char *attribute_get(const struct element *element, const char *name, GError **error)
{
	const char *value = NULL;
	unsigned count = 0;

	for (size_t i = 0; element->names[i] != NULL; i++)
		if (strcmp(element->names[i], name) == 0) {
			value = element->values[i];
			count++;
		}
	if (count == 1 && value_is_sane(value))
		return value;
	failure_set(error, FAULT_OMAHA_ANSWER, "<%s> has %s", element->name,
		    count == 0  ? "not the attributes that it must have"
		    : count > 1 ? "an attribute twice"
				: "an attribute with a value that cannot be");
	return NULL;
}

/* Takes an attribute of what may be there only once. */
static void attribute_take(const struct element *element, const char *name, char **member,
			   GError **error)
{
	const char *value;

	if (*member != NULL) {
		failure_set(error, FAULT_OMAHA_ANSWER, "<%s> is there twice", element->name);
		return;
	}
	value = attribute_get(element, name, error);
	if (value != NULL)
		*member = g_strdup(value);
}

static void attribute_take_first(const struct element *element, const char *name, char **member,
				 GError **error)
{
	if (*member == NULL)
		attribute_take(element, name, member, error);
}

static void response_take(struct reading *reading, const struct element *element, GError **error)
{
	const char *protocol = attribute_get(element, "protocol", error);

	if (protocol == NULL)
		return;
	if (reading->seen_response || strcmp(protocol, "3.0") != 0)
		failure_set(error, FAULT_OMAHA_ANSWER, "it is not one answer of protocol 3.0");
	reading->seen_response = TRUE;
}

/* Another app's answer is no place of ours. */
static enum place app_take(struct reading *reading, const struct element *element, GError **error)
{
	const char *app = attribute_get(element, "appid", error);

	if (app == NULL || !app_is_same(app, reading->app))
		return PLACE_OTHER;
	attribute_take(element, "status", &reading->app_status, error);
	return PLACE_APP;
}

static enum place element_take(struct reading *reading, const struct element *element,
			       enum place place, GError **error)
{
	switch (place) {
	case PLACE_RESPONSE:
		response_take(reading, element, error);
		break;
	case PLACE_APP:
		return app_take(reading, element, error);
	case PLACE_CHECK:
		attribute_take(element, "status", &reading->check_status, error);
		break;
	case PLACE_URL:
		attribute_take_first(element, "codebase", &reading->codebase, error);
		break;
	case PLACE_MANIFEST:
		attribute_take(element, "version", &reading->version, error);
		break;
	case PLACE_PACKAGE:
		attribute_take_first(element, "name", &reading->name, error);
		break;
	case PLACE_TOP:
	case PLACE_URLS:
	case PLACE_PACKAGES:
	case PLACE_OTHER:
		break;
	}
	return place;
}

static void element_start(GMarkupParseContext *context, const char *name, const char **names,
			  const char **values, gpointer user_data, GError **error)
{
	struct reading *reading = user_data;
	const struct element element = { name, names, values };

	if (reading->depth == OMAHAXML_DEPTH_MAX || reading->elements == OMAHAXML_ELEMENTS_MAX) {
		failure_set(error, FAULT_OMAHA_ANSWER, "it has too many elements");
		return;
	}
	reading->places[reading->depth + 1] = element_take(
		reading, &element, place_find(reading->places[reading->depth], name), error);
	reading->depth++;
	reading->elements++;
}

static void element_end(GMarkupParseContext *context, const char *name, gpointer user_data,
			GError **error)
{
	struct reading *reading = user_data;

	reading->depth--;
}

/* Comments and processing instructions may be; declarations may not. */
static void other_refuse(GMarkupParseContext *context, const char *text, gsize size_bytes,
			 gpointer user_data, GError **error)
{
	if (size_bytes >= 2 && memcmp(text, "<!", 2) == 0 &&
	    (size_bytes < 4 || memcmp(text, "<!--", 4) != 0))
		failure_set(error, FAULT_OMAHA_ANSWER, "it has a document type or a raw section");
}

static gboolean bytes_parse(const char *bytes, size_t size_bytes, struct reading *reading,
			    GError **error)
{
	static const GMarkupParser PARSER = { .start_element = element_start,
					      .end_element = element_end,
					      .passthrough = other_refuse };
	g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(
		&PARSER, G_MARKUP_PREFIX_ERROR_POSITION, reading, NULL);
	g_autoptr(GError) cause = NULL;

	if (size_bytes > OMAHA_ANSWER_MAX)
		return failure_set(error, FAULT_OMAHA_ANSWER, "it is larger than %d bytes",
				   OMAHA_ANSWER_MAX);
	/* Of no bytes at all GMarkup says nothing; Nebraska's answer to what it cannot read is a
	 * prolog and no element. */
	if (!g_markup_parse_context_parse(context, bytes, (gssize)size_bytes, &cause) ||
	    !g_markup_parse_context_end_parse(context, &cause)) {
		char why[MESSAGE_MAX + 1]; /* it may quote the answer */

		plaintext_copy(cause->message, why, MESSAGE_MAX);
		return failure_set(error, FAULT_OMAHA_ANSWER, "%s", why);
	}
	return reading->seen_response ||
	       failure_set(error, FAULT_OMAHA_ANSWER,
			   "there is no <response>: the server did not understand the request");
}

/* "path/" + "name": a name that leads upwards or is an address itself is not one of a file there.
 * */
static char *url_join(const char *codebase, const char *name)
{
	const gboolean slash = g_str_has_suffix(codebase, "/");
	g_auto(GStrv) parts = g_strsplit(name, "/", 0);
	g_autofree char *text = g_strdup_printf("%s%s%s", codebase, slash ? "" : "/", name);
	struct transfer_url url;

	if (name[0] == '/' || strstr(name, "://") != NULL || strlen(text) > OMAHAXML_VALUE_MAX ||
	    g_strv_contains((const char *const *)parts, "..") ||
	    !transfer_url_parse(NULL, text, &url))
		return NULL;
	transfer_url_clear(&url);
	return g_steal_pointer(&text);
}

static gboolean update_take(const struct reading *reading, struct omaha_advice *advice,
			    GError **error)
{
	if (reading->version == NULL || reading->codebase == NULL || reading->name == NULL)
		return failure_set(error, FAULT_OMAHA_ANSWER,
				   "it offers an update without version, address or package");
	if (!version_is_valid(reading->version))
		return failure_set(error, FAULT_OMAHA_ANSWER, "it offers version \"%.80s\"",
				   reading->version);
	advice->url = url_join(reading->codebase, reading->name);
	if (advice->url == NULL)
		return failure_set(error, FAULT_OMAHA_ANSWER,
				   "the address that it gives is no http or https address");
	advice->version = g_strdup(reading->version);
	advice->outcome = OMAHA_UPDATE;
	return TRUE;
}

static gboolean reading_judge(const struct reading *reading, gboolean checked,
			      struct omaha_advice *advice, GError **error)
{
	const char *status = reading->app_status;

	if (status == NULL)
		return failure_set(error, FAULT_OMAHA_ANSWER, "it says nothing about app \"%s\"",
				   reading->app);
	if (strcmp(status, "ok") == 0 && checked) {
		status = reading->check_status;
		if (status == NULL)
			return failure_set(error, FAULT_OMAHA_ANSWER, "it has no <updatecheck>");
	}
	if (strlen(status) > OMAHAXML_STATUS_MAX)
		return failure_set(error, FAULT_OMAHA_ANSWER, "its status is too long");
	advice->status = g_strdup(status);
	if (g_str_has_prefix(status, "error-")) {
		advice->outcome = OMAHA_LATER;
		return TRUE;
	}
	if (!checked || strcmp(status, "noupdate") == 0) {
		advice->outcome = OMAHA_NONE;
		return TRUE;
	}
	return strcmp(status, "ok") == 0
		       ? update_take(reading, advice, error)
		       : failure_set(error, FAULT_OMAHA_ANSWER, "its status is \"%s\"", status);
}

gboolean omahaxml_decode(const char *bytes, size_t size_bytes, const char *app, gboolean checked,
			 struct omaha_advice *ret_advice, GError **error)
{
	struct reading reading = { .app = app, .places = { PLACE_TOP } };
	struct omaha_advice advice = { .outcome = OMAHA_NONE };
	const gboolean done = bytes_parse(bytes, size_bytes, &reading, error) &&
			      reading_judge(&reading, checked, &advice, error);

	reading_clear(&reading);
	if (!done) {
		omaha_advice_clear(&advice);
		return FALSE;
	}
	*ret_advice = advice;
	return TRUE;
}
