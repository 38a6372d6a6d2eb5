/* SPDX-License-Identifier: MIT */
/* Test agent: runs the commands that a test sends through a virtio port.
 *
 *   agent  ready BOOT-ID\n                 whenever the test connects
 *   test   base64(command)\n
 *   agent  STATUS base64(output)\n         exit status, or 128 and the signal's number
 *
 * The output is kept in memory rather than piped, so that a command that leaves something running
 * behind does not hold up the answer. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LINE_SIZE_MAX = 256 * 1024,
	OUTPUT_SIZE_MAX = 1024 * 1024,
	PORT_WAIT_MS = 10 * 1000,
	POLL_MS = 20,
	PATH_SIZE = 320,
};

static const char PORT_NAME[] = "org.azupdate.test";
static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool text_read(const char *path, char *ret_text, size_t size_bytes)
{
	FILE *file = fopen(path, "re");
	const bool got = file != NULL && fgets(ret_text, (int)size_bytes, file) != NULL;

	if (file != NULL)
		fclose(file);
	if (got)
		ret_text[strcspn(ret_text, "\n")] = '\0';
	return got;
}

/* Opens the port by the name that QEMU gave it; udev's links are not needed. */
static int port_open(void)
{
	static const char FOLDER[] = "/sys/class/virtio-ports";
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	int fd = -1;

	if (folder == NULL)
		return -1;
	for (entry = readdir(folder); entry != NULL && fd < 0; entry = readdir(folder)) {
		char path[PATH_SIZE];
		char name[64];

		snprintf(path, sizeof path, "%s/%.200s/name", FOLDER, entry->d_name);
		if (!text_read(path, name, sizeof name) || strcmp(name, PORT_NAME) != 0)
			continue;
		snprintf(path, sizeof path, "/dev/%.200s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(folder);
	return fd;
}

static void write_all(int fd, const char *bytes, size_t size_bytes)
{
	while (size_bytes > 0) {
		const ssize_t done = write(fd, bytes, size_bytes);

		if (done < 0 && errno == EINTR)
			continue;
		/* The test went away; the next one starts with a fresh "ready". */
		if (done <= 0)
			return;
		bytes += done;
		size_bytes -= (size_t)done;
	}
}

/* In place, since the result is the shorter one. Characters that are not base64 are passed over. */
static void base64_decode(char *text)
{
	uint32_t bits = 0;
	unsigned bit_count = 0;
	char *out = text;

	for (const char *in = text; *in != '\0' && *in != '='; in++) {
		const char *digit = strchr(DIGITS, *in);

		if (digit == NULL)
			continue;
		bits = bits << 6 | (uint32_t)(digit - DIGITS);
		bit_count += 6;
		if (bit_count < 8)
			continue;
		bit_count -= 8;
		*out++ = (char)(bits >> bit_count);
	}
	*out = '\0';
}

static char *base64_encode(char *out, const uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i += 3) {
		const size_t rest = size_bytes - i;
		const uint32_t bits = (uint32_t)bytes[i] << 16 |
				      (rest > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				      (rest > 2 ? bytes[i + 2] : 0);

		*out++ = DIGITS[bits >> 18];
		*out++ = DIGITS[bits >> 12 & 63];
		*out++ = rest > 1 ? DIGITS[bits >> 6 & 63] : '=';
		*out++ = rest > 2 ? DIGITS[bits & 63] : '=';
	}
	return out;
}

static _Noreturn void shell_start(const char *command, int output_fd)
{
	const int null_fd = open("/dev/null", O_RDONLY);

	dup2(null_fd, STDIN_FILENO);
	dup2(output_fd, STDOUT_FILENO);
	dup2(output_fd, STDERR_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int command_run(const char *command, int output_fd)
{
	const pid_t child = fork();
	int status = 0;

	if (child < 0)
		return 126;
	if (child == 0)
		shell_start(command, output_fd);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void command_answer(int port, char *line)
{
	static uint8_t output[OUTPUT_SIZE_MAX];
	static char answer[OUTPUT_SIZE_MAX / 3 * 4 + 64];
	const int output_fd = memfd_create("output", MFD_CLOEXEC);
	ssize_t size;
	int status;
	char *end;

	base64_decode(line);
	status = command_run(line, output_fd);
	size = pread(output_fd, output, sizeof output, 0);
	close(output_fd);
	end = answer + sprintf(answer, "%d ", status);
	end = base64_encode(end, output, size > 0 ? (size_t)size : 0);
	*end++ = '\n';
	write_all(port, answer, (size_t)(end - answer));
}

static bool test_is_connected(int port)
{
	struct pollfd state = { .fd = port, .events = POLLOUT };

	return poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
}

static void ready_tell(int port)
{
	char boot_id[64] = "";
	char line[96];
	int size;

	text_read("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id);
	size = snprintf(line, sizeof line, "ready %s\n", boot_id);
	write_all(port, line, (size_t)size);
}

/* Until the test goes away. */
static void test_serve(int port)
{
	static char line[LINE_SIZE_MAX];
	size_t filled = 0;

	for (;;) {
		const ssize_t got = read(port, line + filled, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		if (line[filled] != '\n') {
			filled += filled + 1 < sizeof line ? 1 : 0;
			continue;
		}
		line[filled] = '\0';
		command_answer(port, line);
		filled = 0;
	}
}

int main(void)
{
	int port = port_open();

	for (int waited = 0; port < 0 && waited < PORT_WAIT_MS; waited += POLL_MS) {
		usleep(POLL_MS * 1000);
		port = port_open();
	}
	/* A machine without the port is a user's own, and there is nothing to do. */
	if (port < 0)
		return EXIT_SUCCESS;
	for (;;) {
		while (!test_is_connected(port))
			usleep(POLL_MS * 1000);
		ready_tell(port);
		test_serve(port);
	}
}
