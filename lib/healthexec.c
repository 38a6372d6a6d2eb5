/* SPDX-License-Identifier: MIT */
#include "healthexec.h"

#include <errno.h>
#include <unistd.h>

#include "runcage.h"
#include "runoutput.h"
#include "runproc.h"
#include "rununit.h"

/* One way to run a program. FALSE if it is none here, with nothing done. */
typedef gboolean (*back_end)(const struct healthexec_program *program, GCancellable *cancellable,
			     struct runoutput *output, struct healthexec_result *result);

static gboolean back_unit(const struct healthexec_program *program, GCancellable *cancellable,
			  struct runoutput *output, struct healthexec_result *result)
{
	if (!rununit_is_there(program->bus))
		return FALSE;
	/* systemd says only that it could not be executed, and not why. */
	if (access(program->path, X_OK) != 0)
		result->number = errno;
	else
		rununit_run(program, cancellable, output, result);
	return TRUE;
}

static gboolean back_cgroup(const struct healthexec_program *program, GCancellable *cancellable,
			    struct runoutput *output, struct healthexec_result *result)
{
	struct runcage cage;

	if (!runcage_init(&cage, TRUE, program->memory_mib, program->tasks_max))
		return FALSE;
	runproc_run(program, &cage, cancellable, output, result);
	runcage_done(&cage);
	return TRUE;
}

static gboolean back_session(const struct healthexec_program *program, GCancellable *cancellable,
			     struct runoutput *output, struct healthexec_result *result)
{
	struct runcage cage;

	runcage_init(&cage, FALSE, 0, 0); /* cannot fail without a cgroup */
	runproc_run(program, &cage, cancellable, output, result);
	runcage_done(&cage);
	return TRUE;
}

static const back_end BACK_ENDS[] = {
	[HEALTHEXEC_UNIT] = back_unit,
	[HEALTHEXEC_CGROUP] = back_cgroup,
	[HEALTHEXEC_SESSION] = back_session,
};

void healthexec_call(const struct healthexec_program *program, GCancellable *cancellable,
		     struct healthexec_result *ret_result)
{
	const gboolean any = program->back == HEALTHEXEC_BEST;
	struct healthexec_result result = { .end = HEALTHEXEC_NOT_STARTED, .number = ENOTSUP };
	g_autofree struct runoutput *output = g_new0(struct runoutput, 1);
	gboolean done = FALSE;

	for (size_t i = HEALTHEXEC_UNIT; i < G_N_ELEMENTS(BACK_ENDS) && !done; i++)
		if (any || i == program->back)
			done = BACK_ENDS[i](program, cancellable, output, &result);
	result.output = runoutput_text(output);
	if (result.first[0] == '\0')
		runoutput_first(output, result.first);
	*ret_result = result;
}
