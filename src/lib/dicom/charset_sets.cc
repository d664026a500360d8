/*
 * charset_sets.cc - readings of bytes in a given character set. DCMTK knows the
 * declared sets and when their code extensions end; iconv converts.
 */
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dcspchrs.h"

#include <cstring>
#include <iconv.h>

#include "charset_text.h"

/* Latin-1 controls come out of GBK lead bytes, never out of real text; an
 * escape that is left was not understood. */
static bool is_text(const std::string &s)
{
	for (size_t i = 0; i < s.size(); i++)
		if (s[i] == 0x1b ||
		    ((unsigned char)s[i] == 0xc2 && i + 1 < s.size() &&
		     (unsigned char)s[i + 1] < 0xa0))
			return false;
	return charset_utf8_valid(s.data(), s.size());
}

/* Opened once and kept: glibc loads and unloads its converters otherwise, at
 * ten microseconds each time. */
struct converter {
	iconv_t cd;

	explicit converter(const char *from) : cd(iconv_open("UTF-8", from))
	{
	}
	converter(const converter &) = delete;
	converter &operator=(const converter &) = delete;
	~converter()
	{
		if (cd != (iconv_t)-1)
			(void)iconv_close(cd); /* it holds nothing to lose */
	}
};

static bool convert(const struct converter &by, struct df_text t,
		    std::string *out)
{
	std::string to(t.len * 4 + 4, '\0');
	char *in = const_cast<char *>(t.ptr), *at = &to[0];
	size_t in_left = t.len, out_left = to.size(), r;

	if (by.cd == (iconv_t)-1)
		return false;
	(void)iconv(by.cd, nullptr, nullptr, nullptr, nullptr); /* resets */
	r = iconv(by.cd, &in, &in_left, &at, &out_left);
	if (r == (size_t)-1 || in_left != 0)
		return false;
	to.resize(to.size() - out_left);
	*out = to;
	return is_text(*out);
}

bool charset_as_gb18030(struct df_text t, std::string *out)
{
	static thread_local const struct converter gb18030("GB18030");

	return convert(gb18030, t, out);
}

bool charset_as_latin(struct df_text t, std::string *out)
{
	static thread_local const struct converter windows("CP1252");

	return convert(windows, t, out);
}

/* One value of Specific Character Set as PS3.3 C.12.1.1.2 spells it. Devices
 * write "ISO-IR 100", "ISO_IR_192", "GB2312", "utf-8". */
static std::string declared_value(const std::string &value)
{
	std::string v, digits;

	for (char c : value) {
		if (c >= '0' && c <= '9')
			digits += c;
		if (c >= 'a' && c <= 'z')
			v += (char)(c - 'a' + 'A');
		else if (c != '_' && c != '-' && c != ' ')
			v += c;
	}
	if (v == "UTF8")
		return "ISO_IR 192";
	if (v == "GB18030" || v == "GB2312")
		return "GB18030";
	if (v.compare(0, 9, "ISO2022IR") == 0 && digits.size() > 4)
		return "ISO 2022 IR " + digits.substr(4);
	if (v.compare(0, 5, "ISOIR") == 0 && !digits.empty())
		return "ISO_IR " + digits;
	return v == "GBK" ? v : value;
}

static bool is_multi_byte(const std::string &set)
{
	return set == "ISO 2022 IR 58" || set == "ISO 2022 IR 149" ||
	       set == "ISO 2022 IR 87" || set == "ISO 2022 IR 159";
}

std::string charset_declared(const char *declared)
{
	std::string out, rest = declared;
	bool several = rest.find('\\') != std::string::npos;

	for (;;) {
		size_t end = rest.find('\\');

		out += declared_value(rest.substr(0, end));
		if (end == std::string::npos)
			break;
		out += '\\';
		rest.erase(0, end + 1);
	}
	if (several || out.compare(0, 12, "ISO 2022 IR ") != 0)
		return out;
	/* code extensions need a list, or DCMTK does not look for them; those
	 * of one byte need no escape then */
	return is_multi_byte(out) ? "\\" + out : "ISO_IR " + out.substr(12);
}

static bool by_dcmtk(struct df_text t, const char *declared, bool is_pn,
		     std::string *out)
{
	DcmSpecificCharacterSet set;
	OFString to;

	if (set.selectCharacterSet(declared).bad() ||
	    set.convertString(t.ptr, t.len, to, is_pn ? "\\^=" : "\\").bad())
		return false;
	out->assign(to.c_str(), to.length());
	return is_text(*out);
}

/*
 * DCMTK on glibc has no JIS X 0208 and 0212; the escapes are those of
 * ISO-2022-JP-3. Only katakana of ISO IR 13 come in as bytes past ASCII: they
 * get the escape that it knows, and then that of what was in force.
 */
static std::string japanese(struct df_text t)
{
	std::string in(t.ptr, t.len), out, in_force = "\x1b(B";
	bool katakana = false;

	for (size_t i = 0; i < in.size(); i++) {
		bool high = (unsigned char)in[i] >= 0x80;

		if (in.compare(i, 3, "\x1b)I") == 0) { /* says what we do */
			i += 2;
			continue;
		}
		if (high != katakana)
			out += high ? "\x1b(I" : in_force;
		katakana = high;
		if (in[i] == 0x1b)
			in_force = in.substr(
				i, in.compare(i, 3, "\x1b$(") == 0 ? 4 : 3);
		out += (char)(in[i] & 0x7f);
	}
	return out;
}

static bool by_japanese(struct df_text t, std::string *out)
{
	static thread_local const struct converter jp3("ISO-2022-JP-3"),
		jp2("ISO-2022-JP-2");
	std::string s = japanese(t);

	return convert(jp3, {s.data(), s.size()}, out) ||
	       convert(jp2, {s.data(), s.size()}, out);
}

/* In one pass: a hostile text is nothing but these. */
static std::string replaced(const std::string &s, const char *what,
			    const char *by)
{
	size_t from = 0, at;
	std::string out;

	while ((at = s.find(what, from)) != std::string::npos) {
		out.append(s, from, at - from).append(by);
		from = at + strlen(what);
	}
	return out.append(s, from, std::string::npos);
}

bool charset_as_declared(struct df_text t, const struct text_setting &s,
			 std::string *out)
{
	if (by_dcmtk(t, s.declared, s.is_pn, out)) {
		/* glibc reads the dot of "买买提·艾合买提" in GB 2312 as that
		 * of katakana, in GB 18030 as U+00B7: the same name must be the
		 * same text */
		if (strstr(s.declared, "IR 58") != nullptr)
			*out = replaced(*out, "\xe3\x83\xbb", "\xc2\xb7");
		return true;
	}
	return (strstr(s.declared, "IR 87") != nullptr ||
		strstr(s.declared, "IR 159") != nullptr) &&
	       by_japanese(t, out);
}

/* Bytes past ASCII behind the escape of GB 2312, but of GBK's own rows. */
static bool by_gbk_behind_escapes(struct df_text t, std::string *out)
{
	std::string all(t.ptr, t.len), plain = replaced(all, "\x1b$)A", "");

	if (plain.size() == all.size())
		return false;
	plain = replaced(plain, "\x1b(B", "");
	return plain.find('\x1b') == std::string::npos &&
	       charset_as_gb18030({plain.data(), plain.size()}, out);
}

bool charset_by_escapes(struct df_text t, bool is_pn, std::string *out)
{
	static const char *const sets[] = {
		"\\ISO 2022 IR 58", "\\ISO 2022 IR 149",
		"\\ISO 2022 IR 100\\ISO 2022 IR 101\\ISO 2022 IR 109"
		"\\ISO 2022 IR 110\\ISO 2022 IR 144\\ISO 2022 IR 127"
		"\\ISO 2022 IR 126\\ISO 2022 IR 138\\ISO 2022 IR 148"
		"\\ISO 2022 IR 166\\ISO 2022 IR 13"};

	for (const char *set : sets)
		if (charset_as_declared(t, {set, is_pn, 0}, out))
			return true;
	return by_japanese(t, out) || by_gbk_behind_escapes(t, out);
}
