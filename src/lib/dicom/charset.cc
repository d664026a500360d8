/* charset.cc - see charset.h. Which reading of the bytes is the text. */
#include <algorithm>
#include <cstring>

#include "charset_text.h"
#include "text_cost.h"

extern "C" const char *df_text_basis_name(enum df_text_basis b)
{
	static const char *const names[] = {
		"ascii",	   "declared",	      "guessed utf-8",
		"guessed gb18030", "guessed latin-1", "guessed iso2022",
		"unknown"};

	return names[b];
}

extern "C" bool df_text_basis_guessed(const char *name)
{
	return strncmp(name, "guessed", 7) == 0 || strcmp(name, "unknown") == 0;
}

size_t charset_utf8_one(const unsigned char *p, size_t len)
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

bool charset_utf8_valid(const char *ptr, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = charset_utf8_one((const unsigned char *)ptr + at,
					    len - at);

		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

extern "C" bool df_utf8_valid(struct df_text t)
{
	return charset_utf8_valid(t.ptr, t.len);
}

/* ESC, or a byte past ASCII: only then does a character set matter. */
static bool plain_ascii(struct df_text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] > 0x7e || t.ptr[i] == 0x1b)
			return false;
	return true;
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

static int64_t cost_of(const std::string &s)
{
	return text_cost({s.data(), s.size()});
}

/* Figures are those of text_cost. */
static const int64_t never = INT64_MAX / 4;
static const int64_t declared_bonus = 20;  /* for Latin-1, a weak word */
static const int64_t gb_bonus = 60;	   /* for GB 18030, a strong one */
static const int64_t evidence_weight = 60; /* that the other texts may have */
static const int64_t senseless = 110;	   /* a byte past ASCII, as Latin-1 */
static const int64_t plain_worth = 40;	   /* one within ASCII */

/* The bytes in the sets that are mistaken for each other. */
struct readings {
	std::string utf8, gb, latin;
	int64_t utf8_cost, gb_cost, latin_cost; /* `never`: does not fit */
	bool c1; /* Windows' letters, where ISO 8859-1 has controls */
	bool latin_is_text;
};

static void read_all(struct df_text t, struct readings *r)
{
	size_t high = 0;

	r->utf8_cost = r->gb_cost = r->latin_cost = never;
	r->c1 = false;
	if (charset_utf8_valid(t.ptr, t.len)) {
		r->utf8.assign(t.ptr, t.len);
		r->utf8_cost = cost_of(r->utf8);
	}
	if (charset_as_gb18030(t, &r->gb))
		r->gb_cost = cost_of(r->gb);
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];

		high += c >= 0x80;
		r->c1 |= c >= 0x80 && c < 0xa0;
	}
	if (charset_as_latin(t, &r->latin))
		r->latin_cost = cost_of(r->latin);
	r->latin_is_text =
		r->latin_cost < senseless * (int64_t)high +
					plain_worth * (int64_t)(t.len - high);
}

static int64_t weight_of(int64_t chinese)
{
	return chinese > evidence_weight    ? evidence_weight
	       : chinese < -evidence_weight ? -evidence_weight
					    : chinese;
}

/* Declared as Latin-1 (which fits any bytes, so fitting proves nothing), or
 * not at all, or not as the bytes are. */
static enum df_text_basis guess(struct df_text t, bool declared_latin,
				int64_t chinese, std::string *out)
{
	struct readings r;

	read_all(t, &r);
	if (r.gb_cost != never)
		r.gb_cost -= weight_of(chinese);
	if (declared_latin && r.latin_cost != never && !r.c1)
		r.latin_cost -= declared_bonus;
	if (!declared_latin && !r.latin_is_text)
		r.latin_cost = never;
	if (r.latin_cost < r.gb_cost && r.latin_cost < r.utf8_cost) {
		*out = r.latin;
		return declared_latin && !r.c1 ? DF_TEXT_DECLARED
					       : DF_TEXT_LATIN1;
	}
	if (r.gb_cost < r.utf8_cost) {
		*out = r.gb;
		return DF_TEXT_GB18030;
	}
	if (r.utf8_cost != never) {
		*out = r.utf8;
		return DF_TEXT_UTF8;
	}
	*out = unknown_text(t);
	return DF_TEXT_UNKNOWN;
}

/* Declared as GB 18030, and all bytes fit it: but so does most UTF-8. */
static enum df_text_basis gb_or_utf8(struct df_text t, std::string *out)
{
	if (!charset_utf8_valid(t.ptr, t.len) ||
	    cost_of(*out) - gb_bonus <= text_cost(t))
		return DF_TEXT_DECLARED;
	out->assign(t.ptr, t.len);
	return DF_TEXT_UTF8;
}

static enum df_text_basis decode(struct df_text t, const struct text_setting &s,
				 std::string *out)
{
	std::string declared = charset_declared(s.declared);
	std::string first = declared.substr(0, declared.find('\\'));
	bool escapes = t.len > 0 && memchr(t.ptr, 0x1b, t.len) != nullptr;
	bool latin = first == "ISO_IR 100" || first == "ISO 2022 IR 100";
	bool none = first.empty() || first == "ISO_IR 6" ||
		    first == "ISO 2022 IR 6";

	if (plain_ascii(t)) {
		out->assign(t.ptr != nullptr ? t.ptr : "", t.len);
		return DF_TEXT_ASCII;
	}
	/* without escapes only the first set is in force */
	if ((escapes && !declared.empty()) || (!latin && !none)) {
		struct text_setting spelt = {declared.c_str(), s.is_pn, 0};

		if (charset_as_declared(t, spelt, out))
			return first == "GB18030" || first == "GBK"
				       ? gb_or_utf8(t, out)
				       : DF_TEXT_DECLARED;
	}
	if (!escapes)
		return guess(t, latin, s.chinese, out);
	if (charset_by_escapes(t, s.is_pn, out))
		return DF_TEXT_ISO2022;
	*out = unknown_text(t);
	return DF_TEXT_UNKNOWN;
}

int64_t charset_evidence(struct df_text t, const char *declared)
{
	std::string first = charset_declared(declared);
	struct readings r;

	first.erase(std::min(first.find('\\'), first.size()));
	if (plain_ascii(t) || memchr(t.ptr, 0x1b, t.len) != nullptr ||
	    !(first.empty() || first == "ISO_IR 6" ||
	      first == "ISO 2022 IR 6" || first == "ISO_IR 100" ||
	      first == "ISO 2022 IR 100"))
		return 0;
	read_all(t, &r);
	if (r.utf8_cost < r.gb_cost && r.utf8_cost < r.latin_cost)
		return 0;
	if (r.gb_cost == never || r.latin_cost == never)
		return r.gb_cost == r.latin_cost ? 0
		       : r.gb_cost == never	 ? -evidence_weight
						 : evidence_weight;
	return r.latin_cost - r.gb_cost;
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

std::string charset_text(struct df_text t, const struct text_setting &s,
			 bool keep_lines, enum df_text_basis *basis)
{
	std::string out;

	while (t.len > 0 && (t.ptr[t.len - 1] == 0 || t.ptr[t.len - 1] == ' '))
		t.len--;
	*basis = decode(t, s, &out);
	clean(&out, keep_lines);
	return out;
}

void charset_put(char *to, size_t cap, const std::string &s)
{
	size_t n = 0, one;

	while (n < s.size()) {
		one = charset_utf8_one((const unsigned char *)s.data() + n,
				       s.size() - n);
		if (one == 0 || n + one > cap - 1)
			break;
		n += one;
	}
	memcpy(to, s.data(), n);
	to[n] = 0;
}

extern "C" enum df_text_basis df_charset_decode(char *to, size_t cap,
						struct df_text t,
						const char *declared,
						bool is_pn)
{
	enum df_text_basis basis = DF_TEXT_UNKNOWN;

	to[0] = 0;
	try {
		charset_put(
			to, cap,
			charset_text(t, {declared, is_pn, 0}, false, &basis));
	} catch (...) {
		return DF_TEXT_UNKNOWN;
	}
	return basis;
}
