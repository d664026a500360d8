/* charset.cc - see charset.h. DCMTK knows the declared sets, iconv GB18030. */
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dcspchrs.h"

#include <cstring>
#include <iconv.h>

#include "charset_text.h"

extern "C" const char *df_text_basis_name(enum df_text_basis b)
{
	static const char *const names[] = {"ascii", "declared", "utf-8",
					    "gb18030", "unknown"};

	return names[b];
}

/* Length of the well-formed character at p, 0 when there is none. */
static size_t utf8_one(const unsigned char *p, size_t len)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static bool utf8_valid(const char *ptr, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = utf8_one((const unsigned char *)ptr + at, len - at);

		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

extern "C" bool df_utf8_valid(struct df_text t)
{
	return utf8_valid(t.ptr, t.len);
}

/* ESC, or a byte past ASCII: only then does a character set matter. */
static bool plain_ascii(struct df_text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] > 0x7e || t.ptr[i] == 0x1b)
			return false;
	return true;
}

/* Latin-1 controls come out of GBK lead bytes, never out of real text. */
static bool holds_c1(const std::string &s)
{
	for (size_t i = 0; i + 1 < s.size(); i++)
		if ((unsigned char)s[i] == 0xc2 &&
		    (unsigned char)s[i + 1] < 0xa0)
			return true;
	return false;
}

/* At least two characters, and every run of high bytes is whole pairs in the
 * hanzi rows of GB 2312: no western text looks like that. */
static bool looks_chinese(struct df_text t)
{
	size_t pairs = 0;

	for (size_t i = 0; i < t.len; i++) {
		unsigned char a = (unsigned char)t.ptr[i], b;

		if (a < 0x80)
			continue;
		if (i + 1 == t.len)
			return false;
		b = (unsigned char)t.ptr[++i];
		if (a < 0xb0 || a > 0xf7 || b < 0xa1 || b > 0xfe)
			return false;
		pairs++;
	}
	return pairs >= 2;
}

static bool declared_convert(struct df_text t, const char *declared, bool is_pn,
			     std::string *out)
{
	DcmSpecificCharacterSet set;
	OFString to;

	if (set.selectCharacterSet(declared).bad() ||
	    set.convertString(t.ptr, t.len, to, is_pn ? "\\^=" : "\\").bad())
		return false;
	out->assign(to.c_str(), to.length());
	return utf8_valid(out->data(), out->size()) && !holds_c1(*out);
}

static bool iconv_convert(struct df_text t, const char *from, std::string *out)
{
	iconv_t cd = iconv_open("UTF-8", from);
	std::string to(t.len * 4 + 4, '\0');
	char *in = const_cast<char *>(t.ptr), *at = &to[0];
	size_t in_left = t.len, out_left = to.size(), r;

	if (cd == (iconv_t)-1)
		return false;
	r = iconv(cd, &in, &in_left, &at, &out_left);
	(void)iconv_close(cd);
	if (r == (size_t)-1 || in_left != 0)
		return false;
	to.resize(to.size() - out_left);
	*out = to;
	return utf8_valid(out->data(), out->size()) && !holds_c1(*out);
}

/* DCMTK on glibc has no JIS X 0208 and 0212; the escapes are those of
 * ISO-2022-JP. */
static bool japanese_convert(struct df_text t, const char *declared,
			     std::string *out)
{
	if (strstr(declared, "IR 87") == nullptr &&
	    strstr(declared, "IR 159") == nullptr)
		return false;
	return iconv_convert(t, "ISO-2022-JP-3", out) ||
	       iconv_convert(t, "ISO-2022-JP-2", out);
}

static std::string unknown_text(struct df_text t)
{
	std::string out;

	for (size_t i = 0; i < t.len; i++) {
		if ((unsigned char)t.ptr[i] < 0x80)
			out += t.ptr[i];
		else
			out += "\xef\xbf\xbd"; /* U+FFFD */
	}
	return out;
}

static enum df_text_basis decode(struct df_text t, const char *declared,
				 bool is_pn, std::string *out)
{
	bool latin = strcmp(declared, "ISO_IR 100") == 0;
	bool none = declared[0] == 0 || strcmp(declared, "ISO_IR 6") == 0;

	if (plain_ascii(t)) {
		out->assign(t.ptr != nullptr ? t.ptr : "", t.len);
		return DF_TEXT_ASCII;
	}
	/* Latin-1 fits any bytes, so being valid proves nothing there. */
	if (latin && utf8_valid(t.ptr, t.len)) {
		out->assign(t.ptr, t.len);
		return DF_TEXT_UTF8;
	}
	if (latin && looks_chinese(t) && iconv_convert(t, "GB18030", out))
		return DF_TEXT_GB18030;
	if (!none && (declared_convert(t, declared, is_pn, out) ||
		      japanese_convert(t, declared, out)))
		return DF_TEXT_DECLARED;
	if (memchr(t.ptr, 0x1b, t.len) != nullptr) {
		*out = unknown_text(t); /* code extensions nobody declared */
		return DF_TEXT_UNKNOWN;
	}
	if (utf8_valid(t.ptr, t.len)) {
		out->assign(t.ptr, t.len);
		return DF_TEXT_UTF8;
	}
	if (iconv_convert(t, "GB18030", out))
		return DF_TEXT_GB18030;
	*out = unknown_text(t);
	return DF_TEXT_UNKNOWN;
}

static void clean(std::string *s, bool keep_lines)
{
	std::string out;

	for (size_t i = 0; i < s->size(); i++) {
		unsigned char c = (unsigned char)(*s)[i];

		if (c == 0xc2 && i + 1 < s->size() &&
		    (unsigned char)(*s)[i + 1] < 0xa0) {
			out += ' ';
			i++;
		} else if (c == '\r' && keep_lines) {
			if (i + 1 == s->size() || (*s)[i + 1] != '\n')
				out += '\n';
		} else if ((c < 0x20 && !(keep_lines && c == '\n')) ||
			   c == 0x7f) {
			out += ' ';
		} else {
			out += (char)c;
		}
	}
	while (!out.empty() && (out.back() == ' ' || out.back() == '\n'))
		out.pop_back();
	out.erase(0, out.find_first_not_of(" \n"));
	*s = out;
}

std::string charset_text(struct df_text t, const char *declared, bool is_pn,
			 bool keep_lines, enum df_text_basis *basis)
{
	std::string out;

	while (t.len > 0 && (t.ptr[t.len - 1] == 0 || t.ptr[t.len - 1] == ' '))
		t.len--;
	*basis = decode(t, declared, is_pn, &out);
	clean(&out, keep_lines);
	return out;
}

extern "C" enum df_text_basis df_charset_decode(char *to, size_t cap,
						struct df_text t,
						const char *declared,
						bool is_pn)
{
	enum df_text_basis basis = DF_TEXT_UNKNOWN;

	to[0] = 0;
	try {
		std::string s = charset_text(t, declared, is_pn, false, &basis);
		size_t n = 0, one;

		while (n < s.size()) {
			one = utf8_one((const unsigned char *)s.data() + n,
				       s.size() - n);
			if (one == 0 || n + one > cap - 1)
				break;
			n += one;
		}
		memcpy(to, s.data(), n);
		to[n] = 0;
	} catch (...) {
		return DF_TEXT_UNKNOWN;
	}
	return basis;
}
