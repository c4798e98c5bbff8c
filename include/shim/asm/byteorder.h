/* SPDX-License-Identifier: MIT */
/* Userspace stand-in. System headers include <asm/byteorder.h> as well. */
#ifndef _SHIM_ASM_BYTEORDER_H
#define _SHIM_ASM_BYTEORDER_H

#include_next <asm/byteorder.h>

#define le64_to_cpu(x)	__le64_to_cpu(x)
#define le32_to_cpu(x)	__le32_to_cpu(x)
#define le16_to_cpu(x)	__le16_to_cpu(x)

#endif /* _SHIM_ASM_BYTEORDER_H */
