/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include "faulttext.h"

GQuark failure_quark(void)
{
	return g_quark_from_static_string("azupdate-failure");
}

gboolean failure_set(GError **error, fault code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (error != NULL)
		*error = g_error_new_valist(FAILURE, (int)code, format, arguments);
	va_end(arguments);
	return FALSE;
}

fault failure_code(const GError *error)
{
	return error->domain == FAILURE ? (fault)error->code : FAULT_ARGUMENT;
}

char *failure_describe(const GError *error)
{
	const struct faulttext *text = faulttext_find(failure_code(error));

	if (error->domain != FAILURE)
		return g_strdup(error->message);
	return g_strdup_printf("%s (fault %u %s%s%s)", error->message, text->number, text->name,
			       text->advice[0] != '\0' ? ": " : "", text->advice);
}
