#!/usr/bin/env python3
"""make_identity_pairs - pairs of records and whether they are one person.

Writes testdata/identity/pairs.tsv (to standard output): invented people with a
fixed seed, so that the file can be made again. What is true comes from how a
pair is made, never from the matcher. Columns: case, truth (same, different),
then twice: node, PatientID, issuer, name (PN), reading, birth date, sex.

Which mistakes there are, is what registration desks are known for: homophones
of the pinyin keyboard, one wrong digit, old numbers of 15 digits, a sibling's
or parent's card, numbers that begin anew each day, a vendor's default issuer.
"""
import datetime
import random

R = random.Random(20221)
SURNAMES = """王wang 李li 张zhang 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu
孙sun 胡hu 朱zhu 高gao 林lin 何he 郭guo 马ma 罗luo 梁liang 宋song 郑zheng 谢xie 韩han
唐tang 冯feng 于yu 董dong 萧xiao 程cheng 曹cao 袁yuan 邓deng 许xu 傅fu 沈shen 曾zeng
彭peng 吕lu 苏su 卢lu 蒋jiang 蔡cai 贾jia 丁ding 魏wei 薛xue 叶ye 阎yan 单shan 解xie
仇qiu 区ou 欧阳ouyang 司马sima 诸葛zhuge""".split()
GIVEN_M = """伟wei 强qiang 磊lei 军jun 勇yong 杰jie 涛tao 明ming 超chao 刚gang 平ping 辉hui
建jian 国guo 志zhi 文wen 华hua 宇yu 浩hao 轩xuan 博bo 鹏peng 飞fei 俊jun 峰feng 子zi
昊hao 天tian 德de 福fu 林lin 龙long 昕xin 喆zhe 镕rong""".split()
GIVEN_F = """芳fang 娜na 敏min 静jing 丽li 艳yan 娟juan 霞xia 秀xiu 兰lan 英ying 玉yu
桂gui 红hong 梅mei 玲ling 燕yan 萍ping 雪xue 琳lin 婷ting 佳jia 欣xin 怡yi 涵han 梓zi
诗shi 雨yu 晨chen 思si 萱xuan 玥yue 珍zhen 凤feng 淑shu""".split()
HOMOPHONES = {"伟": "玮炜纬", "静": "婧靖", "丽": "莉俐", "婷": "亭庭", "欣": "新昕馨", "宇": "雨羽",
	      "轩": "萱煊", "子": "梓紫", "军": "君均", "杰": "洁捷", "涛": "韬", "明": "铭鸣", "辉": "晖徽",
	      "华": "桦", "浩": "昊皓", "鹏": "朋", "芳": "方", "娜": "纳", "敏": "闵", "艳": "燕",
	      "娟": "涓", "霞": "瑕", "玉": "钰", "红": "虹", "玲": "铃", "萍": "苹", "琳": "霖",
	      "佳": "嘉", "怡": "宜", "涵": "含", "诗": "施", "晨": "辰", "思": "丝", "建": "健",
	      "国": "帼", "志": "智", "文": "雯", "强": "蔷", "勇": "永", "峰": "锋", "飞": "菲"}
REGIONS = "110101 130681 320106 330702 340123 370881 410526 420624 430181 440923 510322 520201 610124 650102".split()
CLINICS = [f"clinic-{i}" for i in range(1, 9)]
rows = []


def split(entry):
    han = "".join(c for c in entry if c > "\x7f")
    return han, entry[len(han):]


def check_digit(seventeen):
    """By ISO 7064 MOD 11-2 as the pure system computes it, not by weights."""
    p = 0
    for d in seventeen:
        p = (p + int(d)) * 2 % 11
    return "0123456789X"[(12 - p) % 11]


class Person:
    def __init__(self, sex=None, born=None, surname=None, old=False):
        self.sex = sex or R.choice("MF")
        self.surname = surname or split(R.choice(SURNAMES))
        first = datetime.date(1935, 1, 1)
        last = datetime.date(1998 if old else 2021, 12, 31)
        self.born = born or (first + datetime.timedelta(
            R.randrange((last - first).days))).strftime("%Y%m%d")
        self.rename()
        self.region = R.choice(REGIONS)
        self.sequence = R.randrange(0, 499) * 2 + (self.sex == "M")

    def rename(self):
        n = 1 if R.random() < 0.3 else 2
        pool = GIVEN_M if self.sex == "M" else GIVEN_F
        self.given = [split(g) for g in R.sample(pool, n)]
        return self

    @property
    def resident(self):
        s = f"{self.region}{self.born}{self.sequence:03d}"
        return s + check_digit(s)

    @property
    def resident15(self):
        return f"{self.region}{self.born[2:]}{self.sequence:03d}"

    def han(self):
        return self.surname[0] + "".join(g[0] for g in self.given)

    def latin(self):
        return (self.surname[1] + "^" + "".join(g[1] for g in self.given)).upper()

    def reading(self):
        return (self.surname[1] + " " + " ".join(g[1] for g in self.given))

    def name(self):
        """As the several systems write the same name."""
        h, given = self.han(), "".join(g[0] for g in self.given)
        return R.choice([h, h, h, f"{self.surname[0]}^{given}",
                         f"{self.latin()}={self.surname[0]}^{given}", h[0] + " " + h[1:],
                         h + "^^^^", self.surname[0] + "\u3000" + given])


def record(p, number="", issuer="", clinic=None, name=None, born=None, sex=None, reading=None):
    if reading is None:
        reading = p.reading() if name is None or any(c > "\x7f" for c in name) else ""
    return [clinic or R.choice(CLINICS), number, issuer, p.name() if name is None else name,
            reading, p.born if born is None else born, p.sex if sex is None else sex]


def pair(case, truth, a, b):
    if R.random() < 0.5:
        a, b = b, a
    rows.append([case, truth] + a + b)


def times(n):
    def run(make):
        for _ in range(n):
            make()
    return run


def wide(s):
    return "".join(chr(ord(c) + 0xfee0) if "!" <= c <= "~" else c for c in s)


def written(number):
    """A resident number as it is typed."""
    return R.choice([number, number, number.lower(), wide(number), number[:6] + " " + number[6:14] + " " + number[14:],
                     number[:6] + "-" + number[6:14] + "-" + number[14:], " " + number, number + " ",
                     wide(number.lower())])


def two_clinics():
    return R.sample(CLINICS, 2)


def local(): return f"{R.choice(['', 'P', 'CT', '2022'])}{R.randrange(1000, 999999)}"


def slip(number):
    """One wrong digit, or two neighbours swapped."""
    i = R.randrange(17)
    if R.random() < 0.6 or number[i] == number[i + 1] or i == 16:
        return number[:i] + R.choice([d for d in "0123456789" if d != number[i]]) + number[i + 1:]
    return number[:i] + number[i + 1] + number[i] + number[i + 2:]


def homophone(p):
    """The same name with a character of the same sound, or None."""
    h = [p.surname[0]] + [g[0] for g in p.given]
    at = [i for i in range(1, len(h)) if h[i] in HOMOPHONES]
    if not at:
        return None
    i = R.choice(at)
    h[i] = R.choice(HOMOPHONES[h[i]])
    return "".join(h)


def with_homophone():
    while True:
        p = Person()
        name = homophone(p)
        if name:
            return p, name


def sibling(p, born=None):
    """Of the same parents: surname and often one character in common."""
    q = Person(surname=p.surname, born=born or p.born, sex=R.choice([p.sex, p.sex, "M" if p.sex == "F" else "F"]))
    q.region = p.region
    q.sequence = (p.sequence + 2) % 998 if q.sex == p.sex else (p.sequence + 1) % 998
    if len(p.given) == 2:
        while True:
            q.given = [p.given[0], split(R.choice(GIVEN_M if q.sex == "M" else GIVEN_F))]
            if q.given[1][1] != p.given[1][1] and q.given[1][0] != p.given[0][0]:
                break
    elif q.han() == p.han():
        return sibling(p, born)
    return q


def birth_slip(d):
    if R.random() < 0.3 and d[4:6] != d[6:8] and int(d[6:8]) <= 12:
        return d[:4] + d[6:8] + d[4:6]
    while True:
        i = R.randrange(2, 8)
        e = d[:i] + R.choice([c for c in "0123456789" if c != d[i]]) + d[i + 1:]
        try:
            datetime.datetime.strptime(e, "%Y%m%d")
            return e
        except ValueError:
            continue


@times(60)
def again():
    p = Person()
    c = R.choice(CLINICS)
    pair("came again", "same", record(p, p.resident, clinic=c), record(p, p.resident, clinic=c))


@times(140)
def number_as_typed():
    p = Person()
    a, b = two_clinics()
    pair("resident number as typed", "same", record(p, written(p.resident), clinic=a),
         record(p, written(p.resident), clinic=b, born=R.choice([p.born, p.born, ""])))


@times(80)
def fifteen():
    p = Person(old=True)
    a, b = two_clinics()
    pair("15 and 18 digits", "same", record(p, p.resident15, clinic=a), record(p, written(p.resident), clinic=b))


@times(30)
def fifteen_other():
    p = Person(old=True)
    q = Person(surname=p.surname, born=p.born, sex=p.sex)  # the same number of 15 given twice
    if q.reading() != p.reading():
        a, b = two_clinics()
        pair("15 digits, given twice", "different", record(p, p.resident15, clinic=a), record(q, p.resident15, clinic=b))


@times(80)
def of_one_clinic():
    p, c, n = Person(), R.choice(CLINICS), local()
    pair("one clinic's number", "same", record(p, n, clinic=c),
         record(p, R.choice([n, n.lower(), wide(n)]), clinic=c, born=R.choice([p.born, ""])))


@times(120)
def of_two_clinics():
    p, q, n = Person(), Person(), local()
    if R.random() < 0.3:
        q.born, q.sex = p.born, p.sex
    a, b = two_clinics()
    pair("two clinics, one number", "different", record(p, n, clinic=a), record(q, n, clinic=b))


@times(40)
def namesakes_of_two_clinics():
    p, q, n = Person(), Person(), local()
    q.surname, q.given, q.sex = p.surname, p.given, p.sex
    a, b = two_clinics()
    pair("two clinics, one number, one name", "different", record(p, n, clinic=a), record(q, n, clinic=b))


@times(60)
def number_reused():
    p, q, n, c = Person(), Person(), local(), R.choice(CLINICS)
    pair("clinic's number given again", "different", record(p, n, clinic=c), record(q, n, clinic=c))


@times(40)
def entry_copied():
    p = Person()
    q = Person(born=p.born, sex=p.sex)
    n, c = local(), R.choice(CLINICS)
    pair("last patient's entry, only the name changed", "different", record(p, n, clinic=c), record(q, n, clinic=c))


@times(100)
def twins():
    p = Person()
    q = sibling(p)
    a, b = R.choice(CLINICS), R.choice(CLINICS)
    kind = R.randrange(3)
    if kind == 0:
        pair("twins", "different", record(p, p.resident, clinic=a), record(q, q.resident, clinic=b))
    elif kind == 1:
        pair("twins", "different", record(p, local(), clinic=a), record(q, local(), clinic=b))
    else:
        pair("twins", "different", record(p, p.resident, clinic=a), record(q, local(), clinic=b))


@times(50)
def twins_one_number():
    p = Person()
    q = sibling(p)
    pair("twins under one number", "different", record(p, p.resident), record(q, p.resident))


@times(60)
def namesakes():
    p = Person()
    q = Person(born=p.born, sex=p.sex)
    q.surname, q.given = p.surname, p.given
    pair("namesakes of one day", "different", record(p, R.choice([p.resident, local(), ""])), record(q, local()))


@times(50)
def namesakes_with_numbers():
    p = Person()
    q = Person(born=p.born, sex=p.sex)
    q.surname, q.given = p.surname, p.given
    if q.resident != p.resident:
        pair("namesakes of one day, both numbers", "different", record(p, written(p.resident)), record(q, written(q.resident)))


@times(60)
def namesakes_other_day():
    p, q = Person(), Person()
    q.surname, q.given, q.sex = p.surname, p.given, p.sex
    pair("namesakes", "different", record(p, R.choice([p.resident, local()])), record(q, R.choice([q.resident, local()])))


@times(120)
def wrong_digit():
    p = Person()
    a, b = two_clinics()
    pair("one slip in the number", "same", record(p, p.resident, clinic=a), record(p, slip(p.resident), clinic=b))


@times(30)
def wrong_digit_twin():
    p = Person()
    q = sibling(p)
    pair("twins, one slip in the number", "different", record(p, slip(p.resident)), record(q, q.resident))


@times(60)
def homophone_number():
    p, name = with_homophone()
    pair("homophone, one number", "same", record(p, p.resident), record(p, written(p.resident), name=name))


@times(60)
def homophone_only():
    p, name = with_homophone()
    pair("homophone, no number", "same", record(p, local()), record(p, local(), name=name))


@times(40)
def wrong_character():
    p = Person()
    q = sibling(p)
    pair("wrong character, one number", "same", record(p, p.resident),
         record(p, p.resident, name=q.han(), reading=q.reading()))


@times(40)
def name_changed():
    p = Person()
    a = record(p, p.resident)
    if R.random() < 0.5:
        p.surname = split(R.choice(SURNAMES))
    p.rename()
    pair("changed name", "same", a, record(p, p.resident))


@times(60)
def scripts():
    p = Person()
    n = R.choice([p.resident, local()])
    c, d = (two_clinics() if n == p.resident else [R.choice(CLINICS)] * 2)
    pair("pinyin and characters, one number", "same", record(p, n, clinic=c),
         record(p, n, clinic=d, name=R.choice([p.latin(), p.latin().replace("^", " "), p.latin().title()])))


@times(40)
def scripts_only():
    p = Person()
    pair("pinyin and characters, no number", "same", record(p, local()), record(p, local(), name=p.latin()))


@times(80)
def family_card():
    p, n = Person(), f"{R.randrange(10**9, 10**10)}"
    kind = R.randrange(3)
    if kind == 0:  # parent and child
        q = Person(surname=p.surname)
    elif kind == 1:  # brothers
        q = sibling(p, born=Person().born)
    else:
        q = Person(sex="M" if p.sex == "F" else "F")
    pair("one family's insurance card", "different", record(p, n, "医保"), record(q, n, R.choice(["医保卡", "医保"])))


@times(40)
def own_card():
    p, n = Person(), f"{R.randrange(10**9, 10**10)}"
    pair("own insurance card", "same", record(p, n, "医保"), record(p, wide(n), "医保卡"))


@times(60)
def birth_typed():
    p = Person()
    c, n = R.choice(CLINICS), local()
    pair("birth date mistyped", "same", record(p, n, clinic=c), record(p, n, clinic=c, born=birth_slip(p.born)))


@times(40)
def birth_of_id():
    p = Person()
    pair("birth date unlike the number's", "same", record(p, p.resident), record(p, p.resident, born=birth_slip(p.born)))


@times(40)
def sex_typed():
    p = Person()
    pair("sex mistyped", "same", record(p, p.resident), record(p, p.resident, sex="M" if p.sex == "F" else "F"))


@times(40)
def passport():
    p = Person()
    n = f"{R.choice('EGP')}{R.randrange(10**7, 10**8)}"
    pair("passport", "same", record(p, n, "PASSPORT", name=p.latin()), record(p, n.lower(), "护照", name=p.latin()))


@times(30)
def passport_other():
    p, q = Person(), Person()
    n = f"{R.choice('EGP')}{R.randrange(10**7, 10**8)}"
    pair("passports of two states", "different", record(p, n, "PASSPORT", name=p.latin()), record(q, n, "PASSPORT", name=q.latin()))


@times(60)
def nobody():
    p, q = Person(), Person()
    n = R.choice(["0", "0000", "无", "UNKNOWN", "test", "000000", "123456", "未知"])
    c = R.choice(CLINICS)
    pair("number is a placeholder", "different", record(p, n, clinic=c, born=R.choice(["", p.born])),
         record(q, n, clinic=c, born=R.choice(["", q.born])))


@times(30)
def nameless():
    p, q = Person(), Person()
    name = R.choice(["匿名", "无名氏", "ANONYMOUS", "Unknown^"])
    pair("nobody's name", "different", record(p, local(), name=name, born=R.choice(["", "19000101"])),
         record(q, local(), name=name, born=R.choice(["", "19000101"])))


@times(60)
def daily_number():
    p, q, c = Person(), Person(), R.choice(CLINICS)
    if R.random() < 0.5:
        q.surname, q.given, q.sex = p.surname, p.given, p.sex
    n = str(R.randrange(1, 100))
    pair("number of the day", "different", record(p, n, clinic=c, born=R.choice(["", p.born])),
         record(q, n, clinic=c, born=""))


@times(40)
def borrowed():
    p, q = Person(), Person()
    pair("borrowed card", "different", record(p, p.resident), record(q, p.resident))


@times(30)
def newborn():
    p = Person(sex="F")
    q = Person(born=R.choice(["20220301", "20211224"]))
    name = p.han() + R.choice(["之子", "之女"])
    pair("newborn under the mother's number", "different", record(p, p.resident),
         record(q, p.resident, name=name, reading=p.reading() + R.choice([" zhi zi", " zhi nu"])))


@times(30)
def dots():
    p = Person()
    first, last = R.choice(["买买提", "古丽", "阿不都"]), R.choice(["艾力", "热合曼", "尼亚孜"])
    a, b = two_clinics()
    pair("dot in the name", "same", record(p, p.resident, clinic=a, name=first + "·" + last, reading="x"),
         record(p, p.resident, clinic=b, name=R.choice([first + last, first + "•" + last, first + "^" + last]), reading="x"))


@times(40)
def vendor_issuer():
    p, q, n = Person(), Person(), str(R.randrange(1000, 3000))
    if R.random() < 0.4:
        q.surname, q.given, q.sex = p.surname, p.given, p.sex
    a, b = two_clinics()
    pair("vendor's default issuer", "different", record(p, n, "HOSPITAL", clinic=a),
         record(q, n, "HOSPITAL", clinic=b, born=R.choice([q.born, ""])))


@times(40)
def birth_typed_only():
    p = Person()
    pair("birth date mistyped, no number", "same", record(p, local()), record(p, local(), born=birth_slip(p.born)))


@times(30)
def by_the_moon():
    """A birthday by the old calendar: three to seven weeks earlier."""
    p = Person()
    d = datetime.datetime.strptime(p.born, "%Y%m%d") - datetime.timedelta(R.randrange(20, 50))
    n, c = local(), R.choice(CLINICS)
    m, e = R.choice([(n, c), (local(), R.choice(CLINICS))])
    pair("birthday by the old calendar", "same", record(p, n, clinic=c), record(p, m, clinic=e, born=d.strftime("%Y%m%d")))


@times(30)
def year_only():
    p = Person()
    pair("only the year of birth known", "same", record(p, p.resident), record(p, local(), born=p.born[:4] + "0101"))


@times(30)
def turned_round():
    p = Person()
    last, first = p.latin().split("^")
    n = R.choice([p.resident, ""])
    pair("pinyin, family name last", "same", record(p, n), record(p, n or local(), name=first + " " + last))


@times(30)
def two_slips():
    p = Person()
    pair("two slips in the number", "same", record(p, p.resident), record(p, slip(slip(p.resident))))


@times(30)
def called_otherwise():
    p = Person()
    a = record(p, p.resident)
    pair("another name, no number", "same", a, record(p.rename(), local()))


@times(30)
def no_birth():
    p = Person()
    pair("no number, no birth date", "same", record(p, local()), record(p, local(), born=""))


@times(120)
def strangers():
    p, q = Person(), Person()
    pair("strangers", "different", record(p, R.choice([p.resident, local()])), record(q, R.choice([q.resident, local()])))


print("#case\ttruth" + "".join(f"\t{k}_{s}" for s in "ab" for k in
                              "node id issuer name reading birth sex".split()))
for row in rows:
    assert not any("\t" in c for c in row)
    print("\t".join(row))
