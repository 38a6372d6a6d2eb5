/* SPDX-License-Identifier: MIT */
#pragma once
/* Channel: which releases a product's machines of one architecture should move to, and when. A JSON
 * document, the target channels/PRODUCT/ARCHITECTURE/CHANNEL.json of a repository; docs/FORMATS.md
 * describes it. Decode it only after the repository's metadata vouched for its bytes; it is
 * treated as hostile all the same. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CHANNEL_SIZE_MAX = 256 * 1024,
	CHANNEL_FORMAT = 1,
	CHANNEL_RELEASES_MAX = 256,
	CHANNEL_BUNDLES_MAX = 32, /* of one release */
	CHANNEL_WAVES_MAX = 32,
	CHANNEL_REVOKED_MAX = 256,
	CHANNEL_NAME_MAX = 64,    /* bytes of product, architecture, channel */
	CHANNEL_TEXT_MAX = 256,   /* bytes of a reason or a salt */
	CHANNEL_TARGET_MAX = 320, /* bytes of a target's name */
	CHANNEL_AFTER_S_MAX = 366 * 86400,
	CHANNEL_PERMILLE = 1000, /* the whole fleet */
};

/* From this time on the rollout may have reached so many machines. */
struct channel_wave {
	uint32_t after_s; /* from the start of the rollout */
	uint16_t permille;
};

struct channel_rollout {
	int64_t start_s;  /* since 1970 */
	char *salt;       /* shuffles the machines, so that other ones go first each time */
	char *paused;     /* why nobody new may go on, or NULL */
	unsigned n_waves; /* at least 1; after_s and permille rise */
	struct channel_wave waves[CHANNEL_WAVES_MAX];
};

struct channel_release {
	char *version;
	uint64_t security_version;
	int64_t published_s; /* since 1970 */
	char **bundles;      /* names of targets, NULL-terminated, at least one */
	bool barrier;        /* an older machine may not jump over it */
	char *dead_end;      /* why no way leads on from it, or NULL */
	uint64_t minimum_free_bytes;
	struct channel_rollout *rollout; /* NULL: everybody at once */
};

struct channel_revoked {
	char *version;
	char *reason;
};

struct channel {
	char *product;
	char *architecture;
	char *name;
	unsigned n_releases;
	struct channel_release *releases; /* each newer than the one before */
	unsigned n_revoked;
	struct channel_revoked *revoked;
};
typedef struct channel Channel; /* for g_autoptr() only */

/* NULL with FAULT_CHANNEL_SIZE, _SYNTAX (no JSON, duplicate keys, NUL, bad UTF-8), _LATER,
 * _FIELD. Unknown fields are ignored: a later writer may add some. */
struct channel *channel_decode(const uint8_t *bytes, size_t size_bytes, GError **error);
/* The same channel gives the same bytes. Free with g_free(). */
char *channel_encode(const struct channel *channel);
void channel_free(struct channel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channel, channel_free)

/* FAULT_CHANNEL_OTHER unless it is the document that was asked for. */
gboolean channel_check(const struct channel *channel, const char *product, const char *architecture,
		       const char *name, GError **error);

/* NULL if the channel does not have it. */
const struct channel_release *channel_find(const struct channel *channel, const char *version);
/* Why the version is revoked, or NULL. */
const char *channel_revoked(const struct channel *channel, const char *version);

/* YYYY-MM-DDTHH:MM:SSZ, exactly, years 1970 to 9999; false otherwise. */
bool channel_time_decode(const char *text, int64_t *ret_time_s);
/* `time_s` within those years. Free with g_free(). */
char *channel_time_encode(int64_t time_s);

/* Leaves only the releases for which `stays` is true. */
typedef bool (*channel_keep_func)(const struct channel_release *release, const void *data);
void channel_keep(struct channel *channel, channel_keep_func stays, const void *data);
