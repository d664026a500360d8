#!/bin/sh
# prior_behind.sh - an earlier exam comes behind the images of our own: ordered
# while a new study is on a slow line, it is not here before that one is, though
# it is a third of its size and comes the other way; then it comes.
. "$(dirname "$0")/../lib/node.sh"
. "$(dirname "$0")/../lib/exam.sh"
need dcmsend dcmodify python3

number=110101199003074477
sends_images() { [ "$1" = clinic ] || node "$1" modality add MODALITY >/dev/null; }
slow_region 100000 sends_images

prior=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$T/prior" 8 prior)
belongs "$T/prior" $number Wang^San 19900307 M || exit 1
check "he was examined at the centre" dcmsend --no-halt --decompress-never +sd \
	-aet MODALITY -aec CENTRE 127.0.0.1 "$DICOM_centre" "$T/prior"
told() { truth clinic "len(j['priors']) == 1" prior search --id $number --purpose 复诊; }
check "the clinic hears of it" wait_for 20 told

new=$(python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0002.dcm" "$T/new" 24 new)
check "a new study comes" send_sure "$DICOM_clinic" 24 "$T/new"
on_line() { truth clinic "0 < j['delivered'] < 24" study show "$new"; }
check "it is on the line" wait_for 30 on_line
check "the earlier exam is ordered" node clinic prior fetch "$prior" --purpose 复诊
confirmed() { truth clinic "j['confirmed'] == 24" study show "$new"; }
check "the new study is there" wait_for 120 confirmed
state() { truth clinic "[p['state'] for p in j['priors']] == ['$1']" prior list; }
check "before the earlier one is here" state fetching
check "which comes then" wait_for 120 state done
done_testing
