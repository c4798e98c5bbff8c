#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The broker's conformance tests, and the clients that others have written, on
# the kernel's data plane.

exec "$(dirname "$(readlink -f "$0")")/../broker/run" kernel
