/* SPDX-License-Identifier: MIT */
#ifndef VM_AGENT_H
#define VM_AGENT_H

void agent_serve(const char *name) __attribute__((noreturn));

#endif
