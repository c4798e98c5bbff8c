// SPDX-License-Identifier: MIT
/*
 * The methods there are. The slowest comes last: who brings something else does not pay
 * for it.
 */
#include "auth/method.h"

const struct auth_method *const auth_methods[] = {
	&auth_jwt_method,
	&auth_password_method,
	NULL
};
