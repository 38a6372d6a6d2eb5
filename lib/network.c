/* SPDX-License-Identifier: MIT */
#include "network.h"

struct source_options network_options(const struct config *config)
{
	struct source_options options = source_options_default();

	options.parallel = config->parallel;
	options.rate_bytes_s = config->rate_bytes_s;
	options.retry_time_s = config->retry_time_s;
	options.slow_bytes_s = config->slow_bytes_s;
	options.slow_time_s = config->slow_time_s;
	options.proxy = g_strcmp0(config->proxy, "none") == 0 ? "" : config->proxy;
	options.ca_file = config->ca_file;
	options.certificate = config->certificate;
	options.key = config->key;
	options.workers = config->workers;
	return options;
}
