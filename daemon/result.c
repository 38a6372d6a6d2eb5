/* SPDX-License-Identifier: MIT */
#include "result.h"

#include "publish.h"

static void release_insert(GVariantDict *dict, unsigned slot, const char *version)
{
	g_variant_dict_insert(dict, "slot", "s", publish_slot_name(slot));
	g_variant_dict_insert(dict, "version", "s", version == NULL ? "" : version);
}

GVariant *result_installed(const struct machine_installed *installed)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	release_insert(&dict, installed->slot, installed->version);
	g_variant_dict_insert(&dict, "fetched_bytes", "t", installed->fetched_bytes);
	g_variant_dict_insert(&dict, "copied_bytes", "t", installed->copied_bytes);
	g_variant_dict_insert(&dict, "made_bytes", "t", installed->made_bytes);
	g_variant_dict_insert(&dict, "kept_bytes", "t", installed->kept_bytes);
	g_variant_dict_insert(&dict, "written_bytes", "t", installed->written_bytes);
	return g_variant_dict_end(&dict);
}

static GVariant *payload_encode(const struct machine_payload_plan *payload)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "name", "s", payload->name);
	g_variant_dict_insert(&dict, "delta", "b", payload->is_delta);
	g_variant_dict_insert(&dict, "keep_bytes", "t", payload->keep_bytes);
	g_variant_dict_insert(&dict, "zero_bytes", "t", payload->zero_bytes);
	g_variant_dict_insert(&dict, "copy_bytes", "t", payload->copy_bytes);
	g_variant_dict_insert(&dict, "make_bytes", "t", payload->make_bytes);
	g_variant_dict_insert(&dict, "decode_bytes", "t", payload->decode_bytes);
	g_variant_dict_insert(&dict, "frame_bytes", "t", payload->frame_bytes);
	g_variant_dict_insert(&dict, "requests", "t", payload->requests);
	return g_variant_dict_end(&dict);
}

GVariant *result_plan(const struct machine_plan *plan)
{
	GVariantBuilder payloads;
	GVariantDict dict;

	g_variant_builder_init(&payloads, G_VARIANT_TYPE("aa{sv}"));
	for (unsigned i = 0; i < MACHINE_PAYLOADS; i++)
		g_variant_builder_add_value(&payloads, payload_encode(&plan->payloads[i]));
	g_variant_dict_init(&dict, NULL);
	release_insert(&dict, plan->slot, plan->version);
	g_variant_dict_insert(&dict, "head_bytes", "t", plan->head_bytes);
	g_variant_dict_insert(&dict, "fetch_bytes", "t", plan->fetch_bytes);
	g_variant_dict_insert(&dict, "static_parts", "t", plan->static_parts);
	g_variant_dict_insert(&dict, "static_bytes", "t", plan->static_bytes);
	g_variant_dict_insert(&dict, "static_object_bytes", "t", plan->static_object_bytes);
	g_variant_dict_insert_value(&dict, "payloads", g_variant_builder_end(&payloads));
	return g_variant_dict_end(&dict);
}

GVariant *result_checked(const struct machine_checked *checked)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	release_insert(&dict, checked->slot, checked->version);
	g_variant_dict_insert(&dict, "wrong_bytes", "t", checked->wrong_bytes);
	g_variant_dict_insert(&dict, "tree_bytes", "t", checked->tree_bytes);
	g_variant_dict_insert(&dict, "copied_bytes", "t", checked->copied_bytes);
	g_variant_dict_insert(&dict, "decoded_bytes", "t", checked->decoded_bytes);
	g_variant_dict_insert(&dict, "fetched_bytes", "t", checked->fetched_bytes);
	g_variant_dict_insert(&dict, "from_store", "b", checked->from_store);
	g_variant_dict_insert(&dict, "header_mended", "b", checked->header_mended);
	return g_variant_dict_end(&dict);
}

GVariant *result_stored(const struct machine_stored *stored)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "version", "s",
			      stored->version == NULL ? "" : stored->version);
	g_variant_dict_insert(&dict, "new_bytes", "t", stored->new_bytes);
	g_variant_dict_insert(&dict, "store_bytes", "t", stored->store_bytes);
	g_variant_dict_insert_value(&dict, "dropped",
				    g_variant_new_strv((const char *const *)stored->dropped->pdata,
						       (gssize)stored->dropped->len));
	return g_variant_dict_end(&dict);
}

static GVariant *check_encode(const struct health_check *check)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "name", "s", check->name);
	g_variant_dict_insert(&dict, "required", "b", check->required);
	g_variant_dict_insert(&dict, "passed", "b", check->passed);
	g_variant_dict_insert(&dict, "fault", "u", (guint32)check->why);
	g_variant_dict_insert(&dict, "exit_status", "i", check->exit_status);
	g_variant_dict_insert(&dict, "runs", "u", check->runs);
	g_variant_dict_insert(&dict, "duration_ms", "u", check->duration_ms);
	g_variant_dict_insert(&dict, "output", "s", check->output);
	g_variant_dict_insert(&dict, "kind", "s", health_source_name(check->source));
	g_variant_dict_insert(&dict, "reason", "s", check->reason == NULL ? "" : check->reason);
	return g_variant_dict_end(&dict);
}

GVariant *result_health(const struct health_result *result, const char *verdict,
			const char *because)
{
	GVariantBuilder checks;
	GVariantDict dict;

	g_variant_builder_init(&checks, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < result->checks->len; i++)
		g_variant_builder_add_value(&checks,
					    check_encode(g_ptr_array_index(result->checks, i)));
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "healthy", "b", result->healthy);
	g_variant_dict_insert(&dict, "reason", "s", result->reason == NULL ? "" : result->reason);
	g_variant_dict_insert(&dict, "verdict", "s", verdict);
	g_variant_dict_insert(&dict, "because", "s", because);
	g_variant_dict_insert_value(&dict, "checks", g_variant_builder_end(&checks));
	return g_variant_dict_end(&dict);
}
