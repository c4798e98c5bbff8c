// SPDX-License-Identifier: MIT
/* Configuration files. */
#include "config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_config quiet = {};
	struct memory_file file;
	struct config conf;
	int err;

	/* Directories of this machine are none of its business. */
	if (memmem(data, size, "include_dir", strlen("include_dir")))
		return 0;
	log_configure(&quiet);
	memory_file_open(&file);
	memory_file_write(&file, data, size);
	must(!config_init(&conf));
	err = config_load(&conf, file.path);
	if (err)
		must(!strncmp(conf.error, file.path, strlen(file.path)));
	if (!err)
		err = config_finish(&conf, 0);
	if (err)
		must(*conf.error);
	else
		must(conf.listeners && conf.output_bytes && conf.persistence_path);
	config_free(&conf);
	memory_file_close(&file);
	return 0;
}
