/* SPDX-License-Identifier: MIT */
/* Answers of Omaha servers: what comes out of them is within its limits. */
#include <string.h>

#include "failure.h"
#include "fuzz.h"
#include "omahaxml.h"
#include "version.h"

static void advice_check(const struct omaha_advice *advice)
{
	if (advice->status == NULL || strlen(advice->status) > 64)
		__builtin_trap();
	if ((advice->outcome == OMAHA_UPDATE) != (advice->version != NULL) ||
	    (advice->version != NULL) != (advice->url != NULL))
		__builtin_trap();
	if (advice->version != NULL && !version_is_valid(advice->version))
		__builtin_trap();
	if (advice->url != NULL && (g_ascii_strncasecmp(advice->url, "http", 4) != 0 ||
				    strlen(advice->url) > OMAHAXML_VALUE_MAX))
		__builtin_trap();
}

static void answer_try(const uint8_t *bytes, size_t size_bytes, gboolean checked)
{
	g_auto(OmahaAdvice) advice = { .outcome = OMAHA_NONE };
	g_autoptr(GError) error = NULL;

	if (omahaxml_decode((const char *)bytes, size_bytes, "shop", checked, &advice, &error)) {
		advice_check(&advice);
		if (!checked && advice.outcome == OMAHA_UPDATE)
			__builtin_trap();
	} else if (failure_code(error) != FAULT_OMAHA_ANSWER ||
		   !g_utf8_validate(error->message, -1, NULL)) {
		__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	answer_try(bytes, size_bytes, TRUE);
	answer_try(bytes, size_bytes, FALSE);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"<?xml version=\"1.0\"?>\n<response protocol=\"3.0\"><app appid=\"{shop}\" "
		"status=\"ok\"><updatecheck status=\"ok\"><urls><url "
		"codebase=\"https://h/p\"/></urls>"
		"<manifest version=\"2.0.0\"><packages><package name=\"a.azb\"/></packages>"
		"</manifest></updatecheck></app></response>",
		"<response protocol='3.0'><app appid='x' status='ok'/><app appid='shop' "
		"status='error-updatesDisabled'/><!-- &#x41;&amp; --></response>",
		"<response protocol='3.0'><app appid='shop' status='ok'><ping status='ok'></ping>"
		"<updatecheck status='noupdate'><urls></urls></updatecheck></app></response>",
		"<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;<![CDATA[x]]></r>",
	};
	const size_t size_bytes = number < 4 ? strlen(SEEDS[number]) : 0;

	if (size_bytes == 0 || size_bytes > room)
		return 0;
	memcpy(ret_bytes, SEEDS[number], size_bytes);
	return size_bytes;
}
