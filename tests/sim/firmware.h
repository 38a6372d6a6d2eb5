/* SPDX-License-Identifier: MIT */
#pragma once
/* Firmware: as much of UEFI as azboot uses, over the fake disk. azboot itself is the one of the
 * product, file by file; only its mem.c is left to the C library. */

#include <stdbool.h>
#include <stdint.h>

enum { FIRMWARE_NO_KEY = 0 };

struct firmware_boot {
	unsigned slot;    /* whose image was started, 2 if none was */
	unsigned version; /* of that image, 0 if none was started */
	bool expected;    /* the belief allowed it */
	bool floor_fell;
	bool early; /* on trial, and the try was not spent on the medium */
};

/* Power on, up to the hand-over. `key` is what somebody presses, or FIRMWARE_NO_KEY. What is
 * handed over cannot be given back: from then on azboot's calls fail, and change nothing. */
struct firmware_boot firmware_boot(uint16_t key);
