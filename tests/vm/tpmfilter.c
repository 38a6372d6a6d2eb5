/* SPDX-License-Identifier: MIT */
/* For swtpm by LD_PRELOAD, in emulation only: hides the PCR banks that are not in use.
 *
 * OVMF hashes all that it measures for each bank that TPM2_GetCapability(TPM_CAP_PCRS) names, even
 * for one without a single PCR in it; SHA-384 and SHA-512 in emulated 32-bit code cost tens of
 * seconds at each boot. The answer afterwards is that of a TPM which has one bank.
 *
 * Request:  0 tag, 2 size, 6 command code, 10 capability (all big-endian)
 * Response: 0 tag, 2 size, 6 response code, 10 more data, 11 capability, 15 count, 19 banks:
 *           u16 hash, u8 size, bitmap of so many bytes */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	COMMAND_GET_CAPABILITY = 0x17a,
	CAPABILITY_PCRS = 5,
	REQUEST_SIZE_MIN = 22,
	OFFSET_SIZE = 2,
	OFFSET_CODE = 6,
	OFFSET_REQUEST_CAPABILITY = 10,
	OFFSET_CAPABILITY = 11,
	OFFSET_COUNT = 15,
	OFFSET_BANKS = 19,
	BANK_HEADER_SIZE = 3,
};

typedef uint32_t process_function(unsigned char **response, uint32_t *response_size,
				  uint32_t *buffer_size, unsigned char *request,
				  uint32_t request_size);
process_function TPMLIB_Process;

static uint32_t load_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static void store_u32(uint8_t *bytes, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static bool bitmap_is_empty(const uint8_t *bitmap, uint32_t size_bytes)
{
	for (uint32_t i = 0; i < size_bytes; i++)
		if (bitmap[i] != 0)
			return false;
	return true;
}

static uint32_t banks_filter(uint8_t *response, uint32_t size_bytes)
{
	uint32_t out = OFFSET_BANKS;
	uint32_t kept = 0;

	for (uint32_t in = OFFSET_BANKS; in + BANK_HEADER_SIZE <= size_bytes;) {
		const uint32_t bank_size = BANK_HEADER_SIZE + response[in + 2];

		if (in + bank_size > size_bytes)
			break;
		if (!bitmap_is_empty(response + in + BANK_HEADER_SIZE, response[in + 2])) {
			memmove(response + out, response + in, bank_size);
			out += bank_size;
			kept++;
		}
		in += bank_size;
	}
	store_u32(response + OFFSET_COUNT, kept);
	store_u32(response + OFFSET_SIZE, out);
	return out;
}

static bool is_pcrs_answer(const uint8_t *request, uint32_t request_size, const uint8_t *response,
			   uint32_t response_size)
{
	return request_size >= REQUEST_SIZE_MIN &&
	       load_u32(request + OFFSET_CODE) == COMMAND_GET_CAPABILITY &&
	       load_u32(request + OFFSET_REQUEST_CAPABILITY) == CAPABILITY_PCRS &&
	       response_size >= OFFSET_BANKS && load_u32(response + OFFSET_CODE) == 0 &&
	       load_u32(response + OFFSET_CAPABILITY) == CAPABILITY_PCRS;
}

uint32_t TPMLIB_Process(unsigned char **response, uint32_t *response_size, uint32_t *buffer_size,
			unsigned char *request, uint32_t request_size)
{
	static process_function *real;
	uint32_t status;

	if (real == NULL)
		real = (process_function *)(uintptr_t)dlsym(RTLD_NEXT, "TPMLIB_Process");
	if (real == NULL)
		return 1;
	status = real(response, response_size, buffer_size, request, request_size);
	if (status == 0 && is_pcrs_answer(request, request_size, *response, *response_size))
		*response_size = banks_filter(*response, *response_size);
	return status;
}
