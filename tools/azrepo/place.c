/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <string.h>

#include "failure.h"
#include "names.h"

static gboolean product_complete(const struct repository *repository, struct place *place,
				 GError **error)
{
	json_t *products = json_object_get(repository->settings, "products");
	json_t *value;
	size_t i;

	if (place->product == NULL && json_array_size(products) == 1)
		place->product = g_strdup(json_string_value(json_array_get(products, 0)));
	if (place->product == NULL)
		return failure_set(error, FAULT_ARGUMENT,
				   "--product is missing: the repository has several");
	json_array_foreach(products, i, value)
	{
		if (g_strcmp0(json_string_value(value), place->product) == 0)
			return TRUE;
	}
	return names_check("product", place->product, error) &&
	       failure_set(error, FAULT_AZREPO_NAME, "the repository is not for product %s",
			   place->product);
}

/* The architecture of all bundles of the product, if it is one. */
static gboolean architecture_complete(const struct repository *repository, struct place *place,
				      GError **error)
{
	json_t *targets = json_object_get(role_signed(repository_latest(repository, ROLE_TARGETS)),
					  "targets");
	g_autofree char *prefix = g_strdup_printf("bundles/%s/", place->product);
	const char *name;
	json_t *value;

	json_object_foreach(targets, name, value)
	{
		g_autofree char *found = NULL;
		const char *rest;

		if (!g_str_has_prefix(name, prefix))
			continue;
		rest = name + strlen(prefix);
		found = g_strndup(rest, strcspn(rest, "/"));
		if (place->architecture != NULL && strcmp(found, place->architecture) != 0)
			return failure_set(error, FAULT_ARGUMENT,
					   "--architecture is missing: there are %s and %s",
					   place->architecture, found);
		if (place->architecture == NULL)
			place->architecture = g_steal_pointer(&found);
	}
	return place->architecture != NULL ||
	       failure_set(error, FAULT_AZREPO_RELEASE,
			   "the repository has no bundle of product %s", place->product);
}

gboolean place_complete(const struct repository *repository, struct place *place, GError **error)
{
	if (!product_complete(repository, place, error))
		return FALSE;
	if (place->architecture == NULL && !architecture_complete(repository, place, error))
		return FALSE;
	return names_check("architecture", place->architecture, error) &&
	       (place->channel == NULL || names_check("channel", place->channel, error));
}

char *place_target(const struct place *place)
{
	return g_strdup_printf("channels/%s/%s/%s.json", place->product, place->architecture,
			       place->channel);
}

gboolean place_has(const struct place *place, const char *prefix, const char *target)
{
	g_autofree char *start = g_strdup_printf("%s/%s/%s/", prefix, place->product,
						 place->architecture);

	return g_str_has_prefix(target, start);
}
