/* SPDX-License-Identifier: MIT */
/* x86-64: the time stamp counter. */
#include "clock.h"

#include <cpuid.h>

#include "firmware.h"

enum {
	LEAF_TSC = 0x15, /* Intel SDM volume 2, CPUID */
	LEAF_HYPERVISOR = 0x40000000,
	LEAF_HYPERVISOR_TSC = 0x40000010, /* EAX: kHz; VMware's, kept by KVM and QEMU */
	FEATURE_HYPERVISOR_BIT = 31,
	MEASURE_US = 1000,
};

struct cpuid {
	unsigned eax;
	unsigned ebx;
	unsigned ecx;
	unsigned edx;
};

static struct cpuid cpuid_read(unsigned leaf)
{
	struct cpuid regs;

	__cpuid_count(leaf, 0, regs.eax, regs.ebx, regs.ecx, regs.edx);
	return regs;
}

static uint64_t khz_of_hypervisor(void)
{
	if ((cpuid_read(1).ecx >> FEATURE_HYPERVISOR_BIT & 1) == 0 ||
	    cpuid_read(LEAF_HYPERVISOR).eax < LEAF_HYPERVISOR_TSC)
		return 0;
	return cpuid_read(LEAF_HYPERVISOR_TSC).eax;
}

static uint64_t khz_of_processor(void)
{
	struct cpuid regs;

	if (cpuid_read(0).eax < LEAF_TSC)
		return 0;
	regs = cpuid_read(LEAF_TSC);
	if (regs.eax == 0)
		return 0;
	return (uint64_t)regs.ecx * regs.ebx / regs.eax / 1000;
}

static uint64_t khz_measured(void)
{
	const uint64_t start = __builtin_ia32_rdtsc();

	firmware->boot->stall(MEASURE_US);
	return __builtin_ia32_rdtsc() - start;
}

void clock_init(struct clock *ret_clock)
{
	uint64_t khz = khz_of_hypervisor();

	if (khz == 0)
		khz = khz_of_processor();
	if (khz == 0)
		khz = khz_measured();
	ret_clock->ticks_per_ms = khz == 0 ? 1 : khz;
}

uint64_t clock_us(const struct clock *clock)
{
	const uint64_t ticks = __builtin_ia32_rdtsc();

	return ticks / clock->ticks_per_ms * 1000 +
	       ticks % clock->ticks_per_ms * 1000 / clock->ticks_per_ms;
}
