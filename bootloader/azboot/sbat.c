/* SPDX-License-Identifier: MIT */
/* The .sbat section: by it shim revokes boot loaders by generation (shim, SBAT.md). The generation
 * rises when a hole in azboot is closed. */
__attribute__((used, section(".sbat"))) static const char SBAT[] =
	"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
	"azboot,1,The azupdate developers,azboot," AZUPDATE_VERSION ",-\n";
