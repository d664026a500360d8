/*
 * charset_fuzz.c - a name from a modality on its way to the index: bytes in a
 * declared character set, decoded, taken to pieces, read as pinyin. The first
 * byte picks the declaration; 0xff: it is in the bytes too, up to a NUL.
 */
#include <stdlib.h>
#include <string.h>

#include "df/charset.h"
#include "df/object.h"
#include "df/person_name.h"
#include "df/pinyin.h"
#include "df/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const sets[] = {
	"",
	"ISO_IR 100",
	"ISO_IR 192",
	"GB18030",
	"GBK",
	"\\ISO 2022 IR 58",
	"\\ISO 2022 IR 149",
	"\\ISO 2022 IR 87",
	"ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159",
	"ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144",
	"ISO_IR 166",
	"ISO 2022 IR 58",
	"iso-ir-100",
};

static void is_clean(struct df_text t)
{
	size_t i;

	if (!df_utf8_valid(t))
		abort();
	for (i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] < ' ' || t.ptr[i] == 0x7f)
			abort();
}

static void is_within(struct df_text part, const char *whole, size_t len)
{
	if (part.len > 0 &&
	    (part.ptr < whole || part.ptr + part.len > whole + len))
		abort();
}

static void take_to_pieces(const char *name)
{
	static struct df_pinyin_reader *reader;
	struct df_person_name n;
	struct df_pinyin p;
	char shown[64];
	int g, c;

	df_person_name_split(&n, df_text_of(name));
	for (g = 0; g < DF_PN_GROUPS; g++) {
		is_within(n.group[g], name, strlen(name));
		for (c = 0; c < DF_PN_PARTS; c++)
			is_within(n.part[g][c], name, strlen(name));
	}
	df_person_name_show(shown, sizeof shown, df_text_of(name));
	is_clean(df_text_of(shown));
	if (reader == NULL)
		reader = df_pinyin_reader_new();
	if (df_pinyin_read(reader, df_person_name_best(&n), &p, NULL) != DF_OK)
		abort();
	if (strspn(p.reading[0].full, "abcdefghijklmnopqrstuvwxyz0123456789") !=
		    strlen(p.reading[0].full) ||
	    p.n > 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t n = sizeof sets / sizeof sets[0];
	static bool ready;
	char declared[257], text[305];
	struct df_text t;
	size_t len = 0;

	if (!ready && df_object_init(NULL) != DF_OK)
		return 0;
	ready = true;
	if (size < 1)
		return 0;
	if (data[0] == 0xff)
		len = strnlen((const char *)data + 1, size - 1);
	if (len >= sizeof declared)
		return 0;
	memcpy(declared, data + 1, len);
	declared[len] = '\0';
	t.ptr = (const char *)data + 1 + len;
	t.len = size - 1 - len;
	(void)df_charset_decode(text, sizeof text, t,
				data[0] == 0xff ? declared : sets[data[0] % n],
				data[0] & 0x80);
	is_clean(df_text_of(text));
	take_to_pieces(text);
	return 0;
}
