/* SPDX-License-Identifier: MIT */
/*
 * The module itself, which goes and comes back: from $MQTT_KO, or from where it was
 * built for the kernel that runs.
 */
#ifndef SELFTESTS_MODULE_H
#define SELFTESTS_MODULE_H

/* Skips the case if there is no file to load it from. */
void module_need_file(void);

int module_try_unload(void);	/* delete_module(), at once: 0, or -1 and errno */
void module_unload(void);	/* waits until it goes */
int module_try_load(void);	/* 0 or the negative errno */
void module_load(void);

#endif /* SELFTESTS_MODULE_H */
