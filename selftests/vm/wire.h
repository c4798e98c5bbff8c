/* SPDX-License-Identifier: MIT */
/*
 * What a client on the host and the agent in the guest say to each other over
 * a virtio-serial port.
 *
 * The client sends a request: its head, then NUL-terminated strings: the
 * directory, the environment, an empty string, the command. The agent sends
 * frames that carry the request's cookie. Either side may find the rest of an
 * older, broken-off conversation in the port: the agent looks for the magic,
 * the client for its cookie, and both drop what is before it.
 */
#ifndef VM_WIRE_H
#define VM_WIRE_H

#include <stdint.h>

#define VM_MAGIC	"mqtt-vm\n"
#define VM_COOKIE_LEN	8
#define VM_REQUEST_MAX	(256 * 1024)	/* strings of a request, bytes */
#define VM_FRAME_MAX	(32 * 1024)	/* data of a frame, bytes */

struct vm_request {
	char magic[8];
	char cookie[VM_COOKIE_LEN];
	uint32_t len;			/* of the strings, bytes */
};

enum vm_frame_type {
	VM_STDOUT = 'o',
	VM_STDERR = 'e',
	VM_EXIT = 'x',			/* data: the exit status, 32 bits; the last frame */
};

struct vm_frame {
	char cookie[VM_COOKIE_LEN];
	uint32_t type;			/* enum vm_frame_type */
	uint32_t len;			/* of the data, bytes */
};

#endif
