/* SPDX-License-Identifier: MIT */
#include "finish.h"

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "files.h"
#include "request.h"
#include "signature.h"
#include "trust.h"

/* What a client would trust once everything that is ready is published. */
struct outcome {
	const json_t *root, *targets, *channels; /* borrowed; NULL: none yet */
	gboolean ready[ROLE_COUNT];              /* of the draft */
};

/* Who must have signed a role's document, if `root` and `targets` are what comes next. */
static unsigned specs_list(const struct repository *repository, enum role role, const json_t *root,
			   const json_t *targets, struct role_spec ret_specs[static 2])
{
	const json_t *published = repository->published[ROLE_ROOT];
	const gboolean old = published != NULL && published != root &&
			     (role == ROLE_ROOT || !repository->lost);
	unsigned count = 0;

	if (role == ROLE_CHANNELS) /* it changes together with targets: nobody sees a mixture */
		return targets != NULL && role_spec(role, targets, &ret_specs[0]);
	if (root != NULL && role_spec(role, root, &ret_specs[count]))
		count++;
	if (old && role_spec(role, published, &ret_specs[count]))
		count++;
	return count;
}

static gboolean suffices(const struct repository *repository, enum role role,
			 const json_t *envelope, const struct outcome *next)
{
	struct role_spec specs[2];
	const unsigned count = specs_list(repository, role, next->root, next->targets, specs);

	for (unsigned i = 0; i < count; i++)
		if (envelope == NULL || !signature_suffices(envelope, &specs[i]))
			return FALSE;
	return count > 0;
}

/* Signs the draft of a role, if there is one, and says whether that is enough. */
static gboolean draft_sign(struct repository *repository, struct keychain *keychain, enum role role,
			   struct outcome *next, GError **error)
{
	json_t *draft = repository->draft[role];
	struct role_spec specs[2];
	const unsigned count = specs_list(repository, role, next->root, next->targets, specs);

	for (unsigned i = 0; draft != NULL && keychain != NULL && i < count; i++)
		if (!keychain_sign(keychain, draft, &specs[i], error))
			return FALSE;
	next->ready[role] = draft != NULL && suffices(repository, role, draft, next);
	return TRUE;
}

/* A published document that the next parent would not accept is issued again. */
static void reissue(struct repository *repository, struct keychain *keychain, enum role role,
		    const json_t *parent)
{
	json_t *published = repository->published[role];
	struct role_spec spec;

	if (keychain != NULL && repository->draft[role] == NULL && published != NULL &&
	    parent != NULL && role_spec(role, parent, &spec) &&
	    !signature_suffices(published, &spec))
		repository->draft[role] = role_next(published, repository_expiry(repository, role));
}

static const json_t *next_of(const struct repository *repository, const struct outcome *next,
			     enum role role)
{
	return next->ready[role] ? repository->draft[role] : repository->published[role];
}

/* Whether a client of that root would accept these targets. */
static gboolean accepted(enum role role, const json_t *parent, const json_t *envelope)
{
	struct role_spec spec;

	return parent != NULL && envelope != NULL && role_spec(role, parent, &spec) &&
	       signature_suffices(envelope, &spec);
}

static gboolean root_judge(struct repository *repository, struct keychain *keychain,
			   struct outcome *next, GError **error)
{
	next->root = repository_latest(repository, ROLE_ROOT);
	reissue(repository, keychain, ROLE_TARGETS, next->root);
	if (!draft_sign(repository, keychain, ROLE_ROOT, next, error) ||
	    !draft_sign(repository, keychain, ROLE_TARGETS, next, error))
		return FALSE;
	/* A new root must not outrun the targets that it trusts. */
	if (!accepted(ROLE_TARGETS, next->root, next_of(repository, next, ROLE_TARGETS)))
		next->ready[ROLE_ROOT] = FALSE;
	next->root = next_of(repository, next, ROLE_ROOT);
	if (!accepted(ROLE_TARGETS, next->root, repository->draft[ROLE_TARGETS]))
		next->ready[ROLE_TARGETS] = FALSE;
	return TRUE;
}

/* New targets wait for the channels that they trust; else they go back to what is published. */
static gboolean channels_judge(struct repository *repository, struct keychain *keychain,
			       struct outcome *next, GError **error)
{
	next->targets = next_of(repository, next, ROLE_TARGETS);
	reissue(repository, keychain, ROLE_CHANNELS, next->targets);
	if (next->targets == NULL)
		next->targets = repository->draft[ROLE_TARGETS];
	if (!draft_sign(repository, keychain, ROLE_CHANNELS, next, error))
		return FALSE;
	if (!accepted(ROLE_CHANNELS, next->targets, next_of(repository, next, ROLE_CHANNELS))) {
		next->ready[ROLE_TARGETS] = FALSE;
		if (!accepted(ROLE_TARGETS, next->root, repository->published[ROLE_TARGETS]))
			next->ready[ROLE_ROOT] = FALSE;
		next->root = next_of(repository, next, ROLE_ROOT);
		next->targets = repository->published[ROLE_TARGETS];
		next->ready[ROLE_CHANNELS] = accepted(ROLE_CHANNELS, next->targets,
						      repository->draft[ROLE_CHANNELS]);
	}
	next->targets = next_of(repository, next, ROLE_TARGETS);
	next->channels = next_of(repository, next, ROLE_CHANNELS);
	return TRUE;
}

static void meta_set(json_t *meta, const char *file, const json_t *envelope)
{
	char *text = role_encode(envelope);
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *hex = NULL;

	crypto_digest("SHA256", text, strlen(text), "", 0, hash);
	hex = crypto_hex(hash, sizeof hash);
	json_object_set_new(meta, file,
			    json_pack("{s:I, s:I, s:{s:s}}", "version", role_version(envelope),
				      "length", (json_int_t)strlen(text), "hashes", "sha256", hex));
	free(text);
}

/* The draft of snapshot or timestamp that lists this. One that lists it already keeps its
 * signatures: they may have been made elsewhere. */
static void list_draft(struct repository *repository, enum role role, json_t *meta)
{
	json_t *draft = repository->draft[role];
	json_t *published = repository->published[role];
	const gint64 expires_s = repository_expiry(repository, role);

	if (draft == NULL || !json_equal(json_object_get(role_signed(draft), "meta"), meta)) {
		draft = published != NULL ? role_next(published, expires_s)
					  : role_new(role, expires_s);
		json_object_set(role_signed(draft), "meta", meta);
		json_decref(repository->draft[role]);
		repository->draft[role] = draft;
	}
	json_decref(meta);
}

static gboolean snapshot_judge(struct repository *repository, struct keychain *keychain,
			       struct outcome *next, GError **error)
{
	const gboolean changed = next->ready[ROLE_TARGETS] || next->ready[ROLE_CHANNELS] ||
				 repository->draft[ROLE_SNAPSHOT] != NULL ||
				 !accepted(ROLE_SNAPSHOT, next->root,
					   repository->published[ROLE_SNAPSHOT]);

	if (changed && keychain != NULL) {
		json_t *meta = json_object();

		meta_set(meta, "targets.json", next->targets);
		meta_set(meta, "channels.json", next->channels);
		list_draft(repository, ROLE_SNAPSHOT, meta);
	}
	return draft_sign(repository, keychain, ROLE_SNAPSHOT, next, error);
}

static gboolean timestamp_judge(struct repository *repository, struct keychain *keychain,
				struct outcome *next, GError **error)
{
	const json_t *snapshot = next_of(repository, next, ROLE_SNAPSHOT);
	const gboolean changed = next->ready[ROLE_SNAPSHOT] ||
				 repository->draft[ROLE_TIMESTAMP] != NULL ||
				 !accepted(ROLE_TIMESTAMP, next->root,
					   repository->published[ROLE_TIMESTAMP]);

	if (changed && keychain != NULL && snapshot != NULL) {
		json_t *meta = json_object();

		meta_set(meta, "snapshot.json", snapshot);
		list_draft(repository, ROLE_TIMESTAMP, meta);
	}
	return draft_sign(repository, keychain, ROLE_TIMESTAMP, next, error);
}

/* Nothing is published before all that leads a client to it is signed enough. */
static void hold_back(const struct repository *repository, struct outcome *next)
{
	const gboolean snapshot = next->ready[ROLE_TARGETS] || next->ready[ROLE_CHANNELS] ||
				  repository->draft[ROLE_SNAPSHOT] != NULL;
	const gboolean timestamp = next->ready[ROLE_SNAPSHOT] ||
				   repository->draft[ROLE_TIMESTAMP] != NULL;

	if ((snapshot && !next->ready[ROLE_SNAPSHOT]) ||
	    (timestamp && !next->ready[ROLE_TIMESTAMP]) ||
	    !accepted(ROLE_SNAPSHOT, next->root, next_of(repository, next, ROLE_SNAPSHOT)) ||
	    !accepted(ROLE_TIMESTAMP, next->root, next_of(repository, next, ROLE_TIMESTAMP)))
		memset(next->ready, 0, sizeof next->ready);
}

/* Without a keychain it only looks. */
static gboolean judge(struct repository *repository, struct keychain *keychain,
		      struct outcome *ret_next, GError **error)
{
	struct outcome next = { .root = NULL };

	if (!root_judge(repository, keychain, &next, error) ||
	    !channels_judge(repository, keychain, &next, error))
		return FALSE;
	if (next.root != NULL && next.targets != NULL && next.channels != NULL) {
		if (!snapshot_judge(repository, keychain, &next, error) ||
		    !timestamp_judge(repository, keychain, &next, error))
			return FALSE;
	}
	hold_back(repository, &next);
	*ret_next = next;
	return TRUE;
}

static gboolean role_publish(struct repository *repository, enum role role, GError **error)
{
	json_t *envelope = repository->draft[role];
	g_autofree char *file = role_file(role, role_version(envelope));
	g_autofree char *name = g_build_filename("metadata", file, NULL);
	char *text = role_encode(envelope);
	gboolean done = TRUE;

	if (role == ROLE_ROOT && repository->published[ROLE_ROOT] == NULL) {
		trust_begin(repository, text, strlen(text));
		done = repository_settings_save(repository, error);
	}
	done = done && files_put(repository->path, name, text, strlen(text), error);
	free(text);
	if (!done)
		return FALSE;
	json_decref(repository->published[role]);
	repository->published[role] = envelope;
	repository->draft[role] = NULL;
	return TRUE;
}

/* The root comes last where a client with the old root accepts the new timestamp, so that there
 * is no moment in which it accepts none; else first. */
static gboolean publish(struct repository *repository, const struct outcome *next, GError **error)
{
	static const enum role ROOT_LAST[] = { ROLE_TARGETS, ROLE_CHANNELS, ROLE_SNAPSHOT,
					       ROLE_TIMESTAMP, ROLE_ROOT };
	static const enum role ROOT_FIRST[] = { ROLE_TARGETS, ROLE_CHANNELS, ROLE_SNAPSHOT,
						ROLE_ROOT, ROLE_TIMESTAMP };
	const enum role *order = repository->lost || repository->published[ROLE_ROOT] == NULL
					 ? ROOT_FIRST
					 : ROOT_LAST;
	g_autoptr(GString) told = g_string_new(NULL);

	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (next->ready[order[i]]) {
			if (!role_publish(repository, order[i], error))
				return FALSE;
			g_string_append_printf(
				told, "%s %s %lld", told->len > 0 ? "," : "", role_name(order[i]),
				(long long)role_version(repository->published[order[i]]));
		}
	if (repository->draft[ROLE_ROOT] == NULL)
		repository->lost = FALSE;
	if (told->len > 0)
		printf("published:%s\n", told->str);
	return TRUE;
}

static unsigned waits_list(const struct repository *repository, const struct outcome *next,
			   struct finish_wait ret_waits[static ROLE_COUNT])
{
	const json_t *root = repository_latest(repository, ROLE_ROOT);
	const json_t *targets = next->targets != NULL ? next->targets
						      : repository->draft[ROLE_TARGETS];
	unsigned count = 0;

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const enum role role = (enum role)i;
		const gboolean early = role == ROLE_ROOT || role == ROLE_TARGETS;
		struct finish_wait *wait = &ret_waits[count];
		gboolean met = TRUE;

		if (repository->draft[i] == NULL || next->ready[i])
			continue;
		wait->role = role;
		wait->envelope = repository->draft[i];
		wait->spec_count = specs_list(repository, role, early ? root : next->root, targets,
					      wait->specs);
		for (unsigned j = 0; j < wait->spec_count; j++)
			met = met && signature_suffices(wait->envelope, &wait->specs[j]);
		count += !met; /* else it only waits for another role */
	}
	return count;
}

unsigned finish_waits(const struct repository *repository,
		      struct finish_wait ret_waits[static ROLE_COUNT])
{
	struct outcome next;

	/* Without a keychain nothing is signed or changed, and nothing can fail. */
	if (!judge((struct repository *)repository, NULL, &next, NULL))
		return 0;
	return waits_list(repository, &next, ret_waits);
}

/* Names the keys that would do, and why they are not at hand. */
static gboolean missing_failure(struct keychain *keychain, const struct finish_wait *wait,
				GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < wait->spec_count; i++) {
		const struct role_spec *spec = &wait->specs[i];
		json_t *value;
		size_t j;

		if (signature_suffices(wait->envelope, spec))
			continue;
		g_string_append_printf(text, "%lld of the keys", (long long)spec->threshold);
		json_array_foreach(spec->keyids, j, value)
		{
			const char *keyid = json_string_value(value);
			const char *why = NULL;

			(void)keychain_find(keychain, keyid, &why); /* only to hear why not */
			g_string_append_printf(text, "%s %.12s (%s)", j > 0 ? "," : "", keyid,
					       why != NULL ? why : "at hand");
		}
		break;
	}
	return failure_set(error, FAULT_AZREPO_KEY_MISSING, "%s version %lld must be signed by %s",
			   role_name(wait->role), (long long)role_version(wait->envelope),
			   text->str);
}

gboolean finish(struct repository *repository, struct keychain *keychain, const char *prepare,
		GError **error)
{
	struct finish_wait waits[ROLE_COUNT];
	struct outcome next;
	unsigned count, waiting = 0;

	if (!judge(repository, keychain, &next, error))
		return FALSE;
	count = waits_list(repository, &next, waits);
	for (unsigned i = 0; i < count; i++) {
		if (prepare == NULL && !repository->waited[waits[i].role])
			return missing_failure(keychain, &waits[i], error);
		waiting++;
	}
	if (waiting > 0 && prepare != NULL && !request_write(prepare, waits, count, error))
		return FALSE;
	if (!repository_draft_save(repository, error) || !publish(repository, &next, error) ||
	    !repository_draft_save(repository, error))
		return FALSE;
	for (unsigned i = 0; i < count; i++)
		printf("waits for signatures: %s %lld\n", role_name(waits[i].role),
		       (long long)role_version(waits[i].envelope));
	return TRUE;
}

gboolean finish_resume(struct repository *repository, GError **error)
{
	struct outcome next;
	gboolean any = FALSE;

	if (!judge(repository, NULL, &next, error))
		return FALSE;
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		any = any || next.ready[i];
	if (!any)
		return TRUE;
	printf("carrying on what was interrupted\n");
	return publish(repository, &next, error) && repository_draft_save(repository, error);
}
