/* SPDX-License-Identifier: MIT */
#pragma once
/* What a program needs to know to talk to azupdated over D-Bus, or to run azupdate and read what
 * it says. For C and C++; needs no other header. azupdated and azupdate are built from it as well.
 *
 * Nothing here changes its meaning in a later release. A change would come under another name:
 * org.azupdate.Update2, azupdate.status/2. The names are macros so that they can be pasted into
 * longer strings at compile time. Fault numbers stand in azupdate/fault_codes.h. */

/* The service, on the system bus. It is started by the first call and leaves when it is idle.
 * What the interfaces offer is described in
 * /usr/share/dbus-1/interfaces/org.azupdate.Update1.xml. */
#define AZUPDATE_BUS_NAME "org.azupdate.Update1"

/* Objects: one manager, always there. */
#define AZUPDATE_BUS_PATH "/org/azupdate/Update1"
/* The two slots: a or b follows. */
#define AZUPDATE_BUS_PATH_SLOT_PREFIX AZUPDATE_BUS_PATH "/slot/"
#define AZUPDATE_BUS_PATH_SLOT_A AZUPDATE_BUS_PATH_SLOT_PREFIX "a"
#define AZUPDATE_BUS_PATH_SLOT_B AZUPDATE_BUS_PATH_SLOT_PREFIX "b"
/* Jobs: the number of the job follows, decimal, from 1 on. */
#define AZUPDATE_BUS_PATH_JOB_PREFIX AZUPDATE_BUS_PATH "/job/"

#define AZUPDATE_BUS_INTERFACE_MANAGER AZUPDATE_BUS_NAME ".Manager"
#define AZUPDATE_BUS_INTERFACE_UPDATES AZUPDATE_BUS_NAME ".Updates"
#define AZUPDATE_BUS_INTERFACE_SLOT AZUPDATE_BUS_NAME ".Slot"
#define AZUPDATE_BUS_INTERFACE_JOB AZUPDATE_BUS_NAME ".Job"

/* polkit's actions: the action's name follows, for example org.azupdate.update1.install. */
#define AZUPDATE_POLKIT_PREFIX "org.azupdate.update1."

/* Errors of methods: the fault's name follows, as in fault_codes.h without FAULT_, for example
 * org.azupdate.Update1.Error.SLOT_EMPTY. */
#define AZUPDATE_BUS_ERROR_PREFIX AZUPDATE_BUS_NAME ".Error."

/* With --json, each line that azupdate prints has one of these as its member "schema". The word
 * between dot and slash names the file in /usr/share/azupdate/schema that describes the line. */
#define AZUPDATE_SCHEMA_ACTION "azupdate.action/1" /* activate, rollback, mark-good, mark-bad */
#define AZUPDATE_SCHEMA_ATTESTATION "azupdate.attestation/1" /* attest */
#define AZUPDATE_SCHEMA_ATTESTED "azupdate.attested/1"       /* azbundle attest-verify */
#define AZUPDATE_SCHEMA_ETC "azupdate.etc/1"                 /* etc list */
#define AZUPDATE_SCHEMA_ETCDIFF "azupdate.etcdiff/1"         /* etc diff */
#define AZUPDATE_SCHEMA_ETCSTATE "azupdate.etcstate/1"       /* etc save, etc restore */
#define AZUPDATE_SCHEMA_ERROR "azupdate.error/1"             /* any command that failed */
#define AZUPDATE_SCHEMA_EVENT "azupdate.event/1"             /* is posted to [report] url= */
#define AZUPDATE_SCHEMA_HEALTH "azupdate.health/1"           /* health show */
#define AZUPDATE_SCHEMA_HEALTHLIST "azupdate.healthlist/1"   /* health list */
#define AZUPDATE_SCHEMA_HISTORY "azupdate.history/1"         /* history */
#define AZUPDATE_SCHEMA_HOLD "azupdate.hold/1"               /* hold, unhold, approve */
/* install, check, update, verify, repair, health run, cancel */
#define AZUPDATE_SCHEMA_JOB "azupdate.job/1"
#define AZUPDATE_SCHEMA_LINT "azupdate.lint/1"         /* azbundle lint */
#define AZUPDATE_SCHEMA_PROGRESS "azupdate.progress/1" /* --progress=json, before the job's own */
#define AZUPDATE_SCHEMA_REPOSITORY "azupdate.repository/1" /* azrepo status */
#define AZUPDATE_SCHEMA_STATUS "azupdate.status/1"         /* status */
#define AZUPDATE_SCHEMA_TPM "azupdate.tpm/1"               /* tpm status, tpm enroll */
#define AZUPDATE_SCHEMA_WHY "azupdate.why/1"               /* why */

/* Exit statuses of azupdate. */
enum azupdate_exit {
	AZUPDATE_EXIT_OK = 0,
	AZUPDATE_EXIT_FAILED = 1,      /* the fault tells what */
	AZUPDATE_EXIT_USAGE = 2,       /* a wrong command line */
	AZUPDATE_EXIT_NOT_ALLOWED = 3, /* only root may do this, or whom polkit allows it */
	AZUPDATE_EXIT_BUSY = 4,        /* another job is running */
	AZUPDATE_EXIT_CANCELLED = 5,   /* the job was cancelled */
	AZUPDATE_EXIT_NO_DAEMON = 6,   /* the bus or azupdated cannot be reached */
	AZUPDATE_EXIT_UNHEALTHY = 7    /* a required health check failed */
};
