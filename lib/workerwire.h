/* SPDX-License-Identifier: MIT */
#pragma once
/* What is said between azupdated and its workers (docs/WORKER.md): packets of one fixed size over a
 * socket, and bytes in shared memory beside them. azupdated asks, one thing at a time; a worker
 * answers with events, and then DONE or FAILED.
 *
 * Of what a worker says nothing is trusted but that it has the size of a packet. Descriptors are
 * only ever sent to a worker, never taken from one. */

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	WORKERWIRE_NUMBERS = 8,
	WORKERWIRE_TEXT = 440, /* with a NUL at the end */
	WORKERWIRE_FDS_MAX = 3,
	WORKERWIRE_FD = 3, /* the worker's end of the socket, as systemd hands one over too */
	WORKERWIRE_MEMORY_MAX = 80 << 20,
	WORKERWIRE_NAME_MAX = 4096,
	WORKERWIRE_OPTIONS_MAX = 4 << 20, /* bytes of encoded options (workeroptions.h) */
	WORKERWIRE_CHUNK = 1 << 20,       /* the most that one READ gives */
	WORKERWIRE_FRAMES_MAX = 256,      /* in one FRAMES: a window of blocks */
	WORKERWIRE_WINDOW = 1 << 20,      /* bytes of a window of blocks */
	WORKERWIRE_DICTIONARY = 1 << 20,
};

/* The numbers of each, in their order; "memory" is a descriptor that comes along, and stays until
 * the next one, but for DELTA, UNPACK and PART_..., which have one of their own. */
enum workerwire_kind {
	/* To the network worker; in memory: the options. */
	WORKERWIRE_OPEN,     /* + memory. size of the options; WORKERWIRE_OPEN_... */
	WORKERWIRE_READ,     /* offset, size up to WORKERWIRE_CHUNK; the bytes come in memory */
	WORKERWIRE_SCHEDULE, /* count; struct source_range in memory */
	WORKERWIRE_GET,      /* + memory, with the file's name. the most bytes that it may have;
			      * size of the name. DONE: whether it is there, size */
	WORKERWIRE_CALL,     /* the options say it all. DONE: status, retry-after, size */
	/* To a decoder. */
	WORKERWIRE_DICTIONARY_SET, /* + memory: struct workerwire_frames. size */
	WORKERWIRE_FRAMES,         /* count, stored size; in memory: struct workerwire_frames */
	WORKERWIRE_DELTA,          /* + memory, descriptors of the base's parts. size of the blocks,
				    * which come first; stored size, and where it begins; offset
				    * and size of each part */
	WORKERWIRE_UNPACK,         /* + memory: size of the result; of the pack, where it begins */
	WORKERWIRE_RESERVED,       /* answers RESERVE */
	WORKERWIRE_PART_OPEN,      /* + memory: 0; size of a part of a static delta with the types
				    * of its objects, where it begins; how many objects */
	WORKERWIRE_PART_LOOK,      /* which object. DONE: WORKERWIRE_PART_..., sizes of header and
				    * content, and four numbers: the bytes of a checksum */
	WORKERWIRE_PART_MAKE,      /* + memory: size of header and content; of the older object,
				    * where it begins; which object */
	/* From a worker. */
	WORKERWIRE_READY,   /* once, unasked: it is confined. enum workerwire_bound */
	WORKERWIRE_DONE,    /* see the calls; READ: total, fetched, requests, retries; FAILED too */
	WORKERWIRE_FAILED,  /* code, text; FRAMES: which one */
	WORKERWIRE_ALIVE,   /* it works on it */
	WORKERWIRE_WAITING, /* the next try is in so many ms; text: why */
	WORKERWIRE_RESERVE, /* DELTA, at most once: bytes that it is about to take */
	WORKERWIRE_KIND_COUNT
};

enum workerwire_open { WORKERWIRE_OPEN_SOURCE, WORKERWIRE_OPEN_FILES, WORKERWIRE_OPEN_CALL };

/* Of an object in a part of a static delta, as bits. */
enum workerwire_part {
	WORKERWIRE_PART_FILE = 1,
	WORKERWIRE_PART_SOURCE = 2,
	WORKERWIRE_PART_MOST = WORKERWIRE_PART_FILE | WORKERWIRE_PART_SOURCE,
};

/* What binds a worker, as bits: the kernel or a container may not have all of them. */
enum workerwire_bound {
	WORKERWIRE_BOUND_USER = 1,
	WORKERWIRE_BOUND_NAMESPACES = 2,
	WORKERWIRE_BOUND_ROOT = 4,
	WORKERWIRE_BOUND_LANDLOCK = 8,
	WORKERWIRE_BOUND_SECCOMP = 16,
};

struct workerwire_message {
	uint32_t kind; /* enum workerwire_kind */
	uint32_t code; /* of FAILED: the fault */
	uint64_t numbers[WORKERWIRE_NUMBERS];
	char text[WORKERWIRE_TEXT];
};

/* A window of frames in memory; the worker writes to `blocks` only. */
struct workerwire_frames {
	struct {
		uint32_t encoding;
		uint32_t stored_size;
		uint32_t block_count;
		uint32_t zero;
	} entries[WORKERWIRE_FRAMES_MAX];
	uint8_t dictionary[WORKERWIRE_DICTIONARY];
	uint8_t stored[WORKERWIRE_WINDOW]; /* of all, one after another */
	uint8_t blocks[WORKERWIRE_WINDOW];
};

struct workerwire_fds {
	int fds[WORKERWIRE_FDS_MAX];
	unsigned count;
};

enum workerwire_result {
	WORKERWIRE_GOT,
	WORKERWIRE_NOTHING, /* within the time */
	WORKERWIRE_GONE,    /* the other one has ended */
	WORKERWIRE_FOREIGN, /* no packet of ours */
};

/* `fds` may be NULL. FALSE, with errno: the other one has ended (EPIPE, ECONNRESET), or does not
 * take what it is sent. */
gboolean workerwire_send(int socket, const struct workerwire_message *message,
			 const struct workerwire_fds *fds);
/* Waits up to that time; -1: for ever. ret_fds NULL: descriptors are refused. The caller closes
 * what it gets. `text` ends with a NUL, whatever came. */
enum workerwire_result workerwire_receive(int socket, int time_ms,
					  struct workerwire_message *ret_message,
					  struct workerwire_fds *ret_fds);
/* The same, without descriptors, for a socket with SO_PASSCRED: of which process the message is, as
 * the kernel knows it; 0: it does not say. */
enum workerwire_result workerwire_receive_from(int socket, int time_ms,
					       struct workerwire_message *ret_message,
					       pid_t *ret_pid);
/* Whether root has made the other end, or who runs this process, which in a test is the same one at
 * both ends. */
gboolean workerwire_peer_is_trusted(int socket);
/* A text that is too long is cut. */
void workerwire_text_set(struct workerwire_message *message, const char *text);
/* The text in UTF-8, without control characters. The caller frees. */
char *workerwire_text(const struct workerwire_message *message);
