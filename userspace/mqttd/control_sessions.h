/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_CONTROL_SESSIONS_H
#define MQTTD_CONTROL_SESSIONS_H

struct control_request;

/*
 * Commands of the control socket about sessions. The list comes in pages, between
 * which sessions come and go; looking at one session has all workers stand still for
 * a moment.
 */
void control_session_list(struct control_request *request);
void control_session_show(struct control_request *request);
void control_session_kick(struct control_request *request);
void control_session_delete(struct control_request *request);
void control_session_incidents(struct control_request *request);

#endif /* MQTTD_CONTROL_SESSIONS_H */
