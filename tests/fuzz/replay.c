/*
 * replay.c - runs a fuzz target over every file of the directories named, as a
 * plain test: what a fuzzer once found stays found, without a fuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, n;
	uint8_t block[4096];

	if (f == NULL)
		return 0;
	while ((n = fread(block, 1, sizeof block, f)) > 0) {
		data = realloc(data, size + n);
		if (data == NULL)
			abort();
		memcpy(data + size, block, n);
		size += n;
	}
	(void)fclose(f); /* only read */
	(void)LLVMFuzzerTestOneInput(data ? data : block, size); /* always 0 */
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int i, files = 0;

	for (i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;
		char path[4096];

		if (d == NULL) {
			files += run_file(argv[i]);
			continue;
		}
		while ((e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			(void)snprintf(path, sizeof path, "%s/%s", argv[i],
				       e->d_name); /* a cut path opens nothing */
			files += run_file(path);
		}
		(void)closedir(d); /* only read */
	}
	(void)printf("%d inputs\n", files);
	return files > 0 ? 0 : 1;
}
