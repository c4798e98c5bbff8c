/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_CONTROL_BANS_H
#define MQTTD_CONTROL_BANS_H

struct control_request;

/* Commands of the control socket about banned addresses; the list comes in pages. */
void control_ban_add(struct control_request *request);
void control_ban_del(struct control_request *request);
void control_ban_show(struct control_request *request);

#endif /* MQTTD_CONTROL_BANS_H */
