/*
 * badcodec.c - a shim (LD_PRELOAD) that breaks an encoder: each JPEG XL
 * codestream gets one flipped bit on its way out of libjxl. What looks at the
 * result must find it.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

int JxlEncoderProcessOutput(void *encoder, uint8_t **to, size_t *left);

int JxlEncoderProcessOutput(void *encoder, uint8_t **to, size_t *left)
{
	int (*real)(void *, uint8_t **, size_t *);
	uint8_t *from = *to;
	int status;

	*(void **)&real = dlsym(RTLD_NEXT, "JxlEncoderProcessOutput");
	status = real(encoder, to, left);
	if (*to - from > 64)
		(*to)[-40] ^= 0x04;
	return status;
}
