/* SPDX-License-Identifier: MIT */
/* Sentences that quote what others have said, for JSON, which is UTF-8. */
#ifndef MQTTD_SENTENCE_H
#define MQTTD_SENTENCE_H

/*
 * A quotation that was cut off may end within a character: bytes that are none become '?'.
 * Otherwise there would be no JSON text, and nobody would be told.
 */
void sentence_mend(char *sentence);

#endif /* MQTTD_SENTENCE_H */
