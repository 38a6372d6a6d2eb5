/* SPDX-License-Identifier: MIT */
#pragma once
/* Measure: the decision goes into PCR 5, which nothing is ever sealed to, and its event log. */

#include "decision.h"

/* A machine without a TPM is fine. */
void measure_decision(const struct decision *decision);
