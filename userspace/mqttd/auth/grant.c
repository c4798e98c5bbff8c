// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "auth/method.h"

void auth_grant_clear(struct auth_grant *grant)
{
	while (grant->n_roles)
		free(grant->roles[--grant->n_roles]);
	while (grant->n_claims) {
		struct auth_claim *claim = &grant->claims[--grant->n_claims];

		free(claim->name);
		free(claim->value);
	}
	free(grant->username);
	free(grant->client_id);
	*grant = (struct auth_grant){};
}
