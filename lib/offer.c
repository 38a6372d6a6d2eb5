/* SPDX-License-Identifier: MIT */
#include "offer.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "json.h"

enum { OFFER_FORMAT = 1, OFFER_CUSTOM_MAX = 65536 };

void offer_free(struct offer *offer)
{
	if (offer == NULL)
		return;
	g_free(offer->product);
	g_free(offer->architecture);
	g_free(offer->version);
	g_free(offer->from);
	g_free(offer);
}

static gboolean text_read(const struct json_reader *reader, json_t *object, const char *key,
			  char **ret_text)
{
	*ret_text = g_strdup(json_get_text(reader, object, key, OFFER_TEXT_MAX));
	return *ret_text != NULL;
}

static gboolean kind_read(const struct json_reader *reader, json_t *object, struct offer *offer)
{
	const char *kind = json_get_text(reader, object, "kind", OFFER_TEXT_MAX);

	if (kind == NULL)
		return FALSE;
	offer->is_delta = strcmp(kind, "delta") == 0;
	if (!offer->is_delta && strcmp(kind, "full") != 0)
		return failure_set(reader->error, FAULT_OFFER_FIELD,
				   "a bundle's kind is \"%s\", and neither full nor delta", kind);
	return !offer->is_delta || text_read(reader, object, "from", &offer->from);
}

static gboolean hash_read(const struct json_reader *reader, json_t *object, struct offer *offer)
{
	const char *hash = json_get_text(reader, object, "manifest", 2 * OFFER_HASH_SIZE);

	if (hash == NULL)
		return FALSE;
	return crypto_unhex(hash, offer->manifest_hash, OFFER_HASH_SIZE) ||
	       failure_set(reader->error, FAULT_OFFER_FIELD,
			   "a bundle's manifest is no SHA-256 in lower-case hexadecimal");
}

static gboolean fields_read(json_t *object, struct offer *offer, GError **error)
{
	const struct json_reader reader = { "a bundle's custom metadata", FAULT_OFFER_FIELD,
					    error };
	uint64_t format = 0;

	if (!json_get_number(&reader, object, "format", G_MAXUINT32, &format))
		return FALSE;
	if (format != OFFER_FORMAT)
		return failure_set(error, FAULT_OFFER_FIELD,
				   "a bundle's custom metadata have format %" G_GUINT64_FORMAT
				   ": update azupdate first",
				   format);
	return text_read(&reader, object, "product", &offer->product) &&
	       text_read(&reader, object, "architecture", &offer->architecture) &&
	       text_read(&reader, object, "version", &offer->version) &&
	       json_get_number(&reader, object, "security_version", G_MAXINT64,
			       &offer->security_version) &&
	       kind_read(&reader, object, offer) && hash_read(&reader, object, offer);
}

struct offer *offer_decode(const char *custom, GError **error)
{
	const size_t size_bytes = strnlen(custom, OFFER_CUSTOM_MAX + 1);
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	g_autoptr(Offer) offer = g_new0(struct offer, 1);
	json_t *ours;

	if (size_bytes <= OFFER_CUSTOM_MAX)
		object = json_object_parse(custom, size_bytes, &why);
	if (object == NULL) {
		failure_set(error, FAULT_OFFER_SYNTAX, "a bundle's custom metadata: %s",
			    why != NULL ? why : "they are too large");
		return NULL;
	}
	ours = json_object_get(object, "azupdate");
	if (!json_is_object(ours)) {
		failure_set(error, FAULT_OFFER_FIELD,
			    "a bundle's custom metadata have no object \"azupdate\"");
		return NULL;
	}
	return fields_read(ours, offer, error) ? g_steal_pointer(&offer) : NULL;
}

static gboolean offer_fits(const struct offer *offer, const struct offer_wanted *wanted)
{
	if (strcmp(offer->product, wanted->product) != 0 ||
	    strcmp(offer->architecture, wanted->architecture) != 0 ||
	    strcmp(offer->version, wanted->version) != 0)
		return FALSE;
	return !offer->is_delta ||
	       (!wanted->full_only && g_strcmp0(offer->from, wanted->running) == 0);
}

int offer_choose(const struct offer *const *offers, unsigned count,
		 const struct offer_wanted *wanted)
{
	int best = -1;

	for (unsigned i = 0; i < count; i++)
		if (offers[i] != NULL && offer_fits(offers[i], wanted) &&
		    (best < 0 || offers[i]->size_bytes < offers[best]->size_bytes))
			best = (int)i;
	return best;
}
