/*
 * text_cost.c - see text_cost.h.
 *
 * No dictionary: what tells scripts apart is the shape. Western names have
 * single accented letters among plain ones; Chinese names are whole runs of
 * Han characters, nearly all from level 1 of GB 2312 (the 3755 that are in
 * use), with a surname first; bytes read in the wrong set give symbols,
 * controls, rare characters, scripts mixed in one word. That level is asked of
 * the platform's converter, so that there is no table of our own but the one
 * of surnames. Every figure was set by hand and proved on the names in
 * tests/unit/dicom/charset_guess_test.c.
 */
#include "text_cost.h"

#include <iconv.h>
#include <string.h>

enum script {
	DELIMITER, /* between words and at both ends */
	PLAIN,	   /* ASCII letters */
	ACCENTED,  /* Latin letters past ASCII */
	HAN,
	FOREIGN, /* letters of any other script */
	OTHER	 /* digits, marks, symbols */
};

struct walk {
	iconv_t gb; /* UTF-8 to GB 18030 */
	enum script prev;
	uint32_t prev_char;
	bool at_start;	  /* of a name's component */
	unsigned letters; /* of this word */
	unsigned accents;
	int64_t cost;
};

/* The 300 most frequent, and first characters of those with two. */
static const char surnames[] =
	"王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田"
	"董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹"
	"熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康"
	"易乔赖文洪萧樊兰殷施翟安颜倪牛温芦季俞章鲁葛伍申尤毕聂柴焦柳邢岳齐梅"
	"庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查"
	"屈鲍位霍翁隋甘景薄单包司柏宁柯阮桂闵解强丛边娄上诸皇慕尉令端东夏宇长"
	"鲜闻仇华喻应蒙骆沙车冉邬窦饶刁穆简戚房褚池符莘劳奚瞿原巩全苑滕古吉"
	"佟敖米农仲商元雍明晏臧岑党竺湛冷苟燕楼巫匡麦佘晋练郁胥连幸占桑禹储冀"
	"粟卓区宫蔺楚宗班逄慎花计干和麻海伊牧尚丘虞祖郎腾井谈候战代闪初招邝";

static size_t next_char(struct df_text t, uint32_t *c)
{
	const unsigned char *p = (const unsigned char *)t.ptr;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, i;

	if (n > t.len)
		n = t.len;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++)
		*c = *c << 6 | (p[i] & 0x3fu);
	return n;
}

static bool is_surname(struct df_text han)
{
	size_t i;

	for (i = 0; i + 3 < sizeof surnames; i += 3)
		if (han.len == 3 && !memcmp(surnames + i, han.ptr, 3))
			return true;
	return false;
}

/* How rare a Han character is, by where GB 18030 has it. */
static int han_cost(struct walk *w, struct df_text han)
{
	unsigned char gb[8];
	char *in = (char *)(uintptr_t)han.ptr, *out = (char *)gb;
	size_t in_left = han.len, out_left = sizeof gb;

	(void)iconv(w->gb, NULL, NULL, NULL, NULL); /* after a failure */
	if (iconv(w->gb, &in, &in_left, &out, &out_left) == (size_t)-1 ||
	    sizeof gb - out_left != 2)
		return 150; /* four bytes */
	if (gb[1] < 0xa1 || gb[0] < 0xb0 || gb[0] > 0xf7)
		return 125; /* GBK's own */
	return gb[0] < 0xd8 ? 82 : 110;
}

static int cost_of_han(struct walk *w, struct df_text t)
{
	int cost = han_cost(w, t);

	if (w->at_start && is_surname(t))
		cost -= 50;
	if (w->prev == PLAIN || w->prev == ACCENTED || w->prev == FOREIGN)
		cost += 60;
	return cost;
}

static bool is_common_accent(uint32_t c)
{
	static const char latin1[] = "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9"
				     "\xcd\xce\xd1\xd3\xd4\xd6\xd8\xda\xdc\xde"
				     "\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8"
				     "\xe9\xea\xeb\xed\xee\xef\xf0\xf1\xf2\xf3"
				     "\xf4\xf5\xf6\xf8\xfa\xfb\xfc\xfd\xfe";

	return c < 0x100 && strchr(latin1, (int)c) != NULL;
}

static bool is_upper(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde);
}

static int cost_of_letter(struct walk *w, uint32_t c)
{
	bool plain = c < 0x80;
	int cost = plain ? 30 : is_common_accent(c) ? 55 : c < 0x100 ? 80 : 95;

	if (is_upper(c) && (w->prev == PLAIN || w->prev == ACCENTED) &&
	    !is_upper(w->prev_char))
		cost += 40;
	if (!plain && w->prev == ACCENTED)
		cost += 25;
	if (w->prev == HAN || w->prev == FOREIGN)
		cost += 60;
	return cost;
}

/* Letters of one script follow each other; a block is near enough. */
static int cost_of_foreign(const struct walk *w, uint32_t c)
{
	if (w->prev == FOREIGN && (w->prev_char >> 8 == c >> 8 || c >= 0x3000))
		return 55;
	return w->prev == DELIMITER ? 110 : 150;
}

static bool is_common_mark(uint32_t c)
{
	return c == 0xa0 || c == 0xaa || c == 0xba || c == 0xb0 || c == 0xb1 ||
	       c == 0xb2 || c == 0xb3 || c == 0xb4 || c == 0xb5 || c == 0xb7 ||
	       c == 0xbd || c == 0xd7 || c == 0x2019;
}

static int cost_of_other(uint32_t c)
{
	if (c >= '0' && c <= '9')
		return 40;
	if (c < 0x80)
		return strchr("-'.,()/+:%", (int)c) != NULL ? 25 : 80;
	if (c < 0xa0 || c == 0xfffd || (c >= 0xe000 && c <= 0xf8ff) ||
	    (c >= 0x300 && c < 0x370) || c >= 0x32400)
		return 250; /* no letter and no mark of a text */
	if (is_common_mark(c))
		return 70;
	return c >= 0x3000 ? 100 : 120;
}

static enum script script_of(uint32_t c)
{
	if (c <= ' ' || c == '^' || c == '=')
		return DELIMITER;
	if (c < 0x80)
		return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? PLAIN : OTHER;
	if ((c >= 0xc0 && c < 0x180 && c != 0xd7 && c != 0xf7) ||
	    (c >= 0x1e00 && c < 0x1f00))
		return ACCENTED;
	if ((c >= 0x3400 && c <= 0x9fff) || (c >= 0x20000 && c < 0x32400) ||
	    (c >= 0xf900 && c < 0xfb00))
		return HAN;
	if ((c >= 0x180 && c < 0x300) || (c >= 0x370 && c < 0x1e00) ||
	    (c >= 0x3040 && c < 0x3100) || (c >= 0xac00 && c < 0xd7b0) ||
	    (c >= 0xff66 && c < 0xffa0))
		return FOREIGN;
	return OTHER;
}

/* A word of accented letters alone is none. */
static void end_word(struct walk *w)
{
	if (w->accents > 1 && w->accents == w->letters)
		w->cost += 40 * w->accents;
	w->letters = w->accents = 0;
}

static void step(struct walk *w, struct df_text one, uint32_t c)
{
	enum script s = script_of(c);

	switch (s) {
	case DELIMITER:
		w->cost += 20;
		break;
	case PLAIN:
	case ACCENTED:
		w->cost += cost_of_letter(w, c);
		w->letters++;
		w->accents += s == ACCENTED;
		break;
	case HAN:
		w->cost += cost_of_han(w, one);
		break;
	case FOREIGN:
		w->cost += cost_of_foreign(w, c);
		break;
	case OTHER:
		w->cost += cost_of_other(c);
		break;
	}
	if (s != PLAIN && s != ACCENTED)
		end_word(w);
	w->at_start = s == DELIMITER;
	w->prev = s;
	w->prev_char = c;
}

/* Opened once and kept, as charset_sets.cc does. */
static iconv_t to_gb18030(void)
{
	static _Thread_local iconv_t gb;
	static _Thread_local bool opened;

	if (!opened)
		gb = iconv_open("GB18030", "UTF-8");
	opened = true;
	return gb;
}

int64_t text_cost(struct df_text t)
{
	struct walk w = {.prev = DELIMITER, .at_start = true};
	uint32_t c;
	size_t n;

	w.gb = to_gb18030();
	if (w.gb == (iconv_t)-1) /* glibc without its converters */
		return 0;
	for (; t.len > 0; t.ptr += n, t.len -= n) {
		n = next_char(t, &c);
		step(&w, (struct df_text){t.ptr, n}, c);
	}
	end_word(&w);
	return w.cost;
}
