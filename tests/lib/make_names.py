#!/usr/bin/env python3
"""make_names - the names of testdata/names, from a fixed seed.

chinese.tsv  5000 Chinese names as modalities write them: the bytes in GB 18030
             (hex, by Python's codec: not the converter that is tested), then
             the text.
delimiters.tsv  the characters of GBK whose second byte is 0x5C or 0x5E, each in
             a name.

Usage: make_names.py [DIRECTORY]; writes both there (default testdata/names).
latin1.txt there is a list of real names and not made here.
"""
import os
import random
import sys

# surname, share in per mille (census of 2020, the first 100; the rest share what is left)
COMMON = ("王72 李70 张67 刘53 陈45 杨31 黄22 赵22 吴20 周19 徐14 孙14 马13 朱12 胡12 郭12 何11 "
          "高10 林10 罗9 郑9 梁8 谢7 宋7 唐7 许6 韩6 冯6 邓6 曹6 彭5 曾5 萧5 田5 董5 袁5 潘5 于5 "
          "蒋4 蔡4 余4 杜4 叶4 程4 苏4 魏4 吕4 丁4 任4 沈4 姚4 卢4 姜4 崔4 钟4 谭4 陆3 汪3 范3 金3 "
          "石3 廖3 贾3 夏3 韦3 付3 方3 白3 邹3 孟3 熊3 秦3 邱3 江3 尹3 薛3 闫2 段2 雷2 侯2 龙2 史2 "
          "陶2 黎2 贺2 顾2 毛2 郝2 龚2 邵2 万2 钱2 严2 覃2 武2 戴2 莫2 孔2 向2 汤2")
RARE_SURNAMES = ("常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕"
                 "单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦"
                 "褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩"
                 "明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强"
                 "帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门云容敬来扈晁芮都普阙浦戈伏鹿薄邸雍辜羊阿乌母裘亓修"
                 "邰赫杭况那宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元束檀衣信展阴昝智幸奉植衡富尧闭由")
DOUBLE = "欧阳 上官 司马 诸葛 皇甫 尉迟 慕容 司徒 令狐 东方 夏侯 长孙 宇文 端木 公孙 轩辕 独孤 南宫".split()
GIVEN = ("伟芳娜敏静秀英丽强磊洋艳勇军杰娟涛超明霞兰刚平燕辉玲桂丹萍鹏华红玉飞梅鑫波斌莉宇浩凯珍健俊帆雪帅慧旭宁婷龙林晶"
         "欢颖佳倩阳建亮成琴畅云洁峰国柳淑春海晨冬荣瑞莹志兵雷东琳欣博彬香坤想芝岩杨小金凤文利楠瑜花璐宏文斌思梦雨晴子涵轩"
         "梓萱浩然欣怡诗琪俊熙一诺奕辰宸睿泽沐可馨语嫣诗涵紫若雅彤心怡妍艺嘉懿煜城哲瀚钰彤景皓晓天翊昊宗立果致远弘文炎彬鹭"
         "洋黎昕智辉炫明航空鸿煊烨伟祺烨华月娥巧云爱国卫东援朝跃进解放胜利抗美永福来财旺发贵富根生水火木土大毛二狗三妹四清五"
         "六七八九十百万年寿康安平顺义仁礼信忠孝廉耻德才学业功名成器良善美真诚恒毅力行知新民主自由振兴中夏家邦庆祥吉喜乐和谐"
         "江河湖溪泉山岭岳石松竹菊莲荷桃李杏桑榆槐桐枫柏杉檀燕鹰鹤鸿雁莺凰麟虎豹骏驰腾翔跃升起向前卓越非凡正直刚毅坚定"
         "素芬惠贤淑贞静娴婉婵娟媛嫦娥姗姝妮娇娅妙婕媚倩茜茹莎莲蓉蓓蕾薇芷芸芊若蕴菲萌葵绮纹绢绣缨维纯纲绪绍组继续经纬"
         "炳煌焕熠灿烈熹照耀晖晔昀晗昱昭星辰月朗明曦晓曼曙暄暖映时昌盛景玮珂珊珏琦琪琬瑶瑾瑗璇璟玺环珠宝银锦钧铭锋锐铮镇"
         "铁钢鉴仪俐倩健傲儒允元先兆克兴其典养冠冰凌凡出勋勤包化升卓博卫卿厚原友双发叔受变口古召台史右叶号司合同名后吟启吴吾呈周"
         "咏品哲唯善嘉园圆圣在均坚坤垒城培基堂堃塘境增壮声处备复夏外多夫央奇奎奋如始委孔存孟季学宁守安定宜宝实宣宪宽宾密富寒寿将尊")
# not in GB 2312; the last ones are four bytes in GB 18030
RARE = "喆镕昞玘堃珺赟翀犇骉垚玥瑄珅甯淏祎彧昇喦璿頔颋皞曌鑨濛淼燚琍暐炘垅玹晞瑢琰栢锟鋆珮锴钰濬瀞勍偲媄镓璠䶮㛃𬭎𠅤"
UIGHUR = "买买提·艾合买提 阿依古丽·吐尔逊 古丽娜尔 努尔江·阿布都热合曼 尼玛次仁 扎西卓玛 巴特尔 乌云其木格".split()
SYLLABLES = "zhang wang li chen xiao dong hai yan jun wei ming hua lin fang na mei yu qing shu bo".split()


def surname(rng):
    n = rng.random()
    if n < 0.02:
        return rng.choice(DOUBLE)
    if n < 0.17:
        return rng.choice(RARE_SURNAMES)
    words = COMMON.split()
    return rng.choices([w[0] for w in words], [int(w[1:]) for w in words])[0]


def given(rng):
    count = 1 if rng.random() < 0.3 else 2
    return "".join(rng.choice(RARE if rng.random() < 0.05 else GIVEN) for _ in range(count))


def latin(rng):
    name = rng.choice(SYLLABLES).capitalize(), "".join(rng.choices(SYLLABLES, k=rng.choice((1, 2)))).capitalize()
    return "^".join(n.upper() for n in name) if rng.random() < 0.5 else "^".join(name)


def name(rng):
    n = rng.random()
    if n < 0.02:
        return rng.choice(UIGHUR)
    a, b = surname(rng), given(rng)
    if n < 0.42:
        return a + b
    if n < 0.65:
        return f"{a}^{b}"
    if n < 0.85:
        return f"{latin(rng)}={a}^{b}"
    if n < 0.90:
        return f"{latin(rng)}={a}^{b}="
    if n < 0.93:
        return f"{a} {b}"
    if n < 0.95:
        return f"{a}\u3000{b}"
    if n < 0.97:
        return f"{a}{b}{rng.choice(('之子', '之女', '2', 'A', '(急)'))}"
    return a + b[0]


def write(path, names):
    with open(path, "w", encoding="utf-8") as out:
        for n in names:
            out.write(f"{n.encode('gb18030').hex()}\t{n}\n")


def delimiters():
    """GBK: lead 0x81-0xFE, the second byte that of a delimiter of DICOM."""
    for second in (0x5C, 0x5E):
        for lead in range(0x81, 0xFF):
            c = bytes((lead, second)).decode("gb18030")
            if not "\ue000" <= c <= "\uf8ff":
                yield "ZHANG^SAN=李^" + c + "明"


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "../../testdata/names")
    rng = random.Random(20221122)
    write(os.path.join(folder, "chinese.tsv"), (name(rng) for _ in range(5000)))
    write(os.path.join(folder, "delimiters.tsv"), delimiters())


main()
