/* SPDX-License-Identifier: MIT */
#pragma once
/* Bus faults: failures as typed D-Bus errors, the same for the daemon and its clients. */

/* Registers org.azupdate.Update1.Error.NAME for every fault: an error of domain FAILURE then
 * crosses the bus with its number and its sentence. Call it once, before the bus is used. */
void busfault_register(void);
