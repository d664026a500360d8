# exam.sh - patients, their exams and who reports on them; source it after
# node.sh.

# belongs DIR NUMBER NAME BIRTH SEX [OPTIONS of dcmodify]: the images in it become
# that patient's, of today
belongs() {
	dir=$1 id=$2 called=$3 birth=$4 sex=$5
	shift 5
	dcmodify -q -nb -i "(0008,0005)=ISO_IR 192" -i "(0010,0020)=$id" \
		-i "(0010,0010)=$called" -i "(0010,0030)=$birth" -i "(0010,0040)=$sex" \
		-i "(0008,0020)=$(date +%Y%m%d)" "$@" "$dir"/*
}
# chest_ct DIR NUMBER: one image of 王小东, made at the county hospital
chest_ct() {
	python3 "$LIB/make_study.py" "$TESTDATA/ct/IM0001.dcm" "$1" 1 prior >/dev/null &&
		belongs "$1" "$2" 王小东 19491231 F -i "(0008,0080)=县医院" \
			-i "(0008,1030)=胸部CT平扫" -i "(0018,0015)=CHEST"
}

# new_region [PREPARE]: a centre, and clinics a and b that joined it; b has a PACS
# that keeps what it gets in $T/pacs. PREPARE NODE comes before its first start.
new_region() {
	pacs=$(free_port)
	start_storescp "$pacs" "$T/pacs" || exit 1
	check "a centre is made" new_centre centre
	${1:-:} centre
	check "the centre starts" start_node centre
	for clinic in a b; do
		check "clinic $clinic is made" new_clinic $clinic
		set_key $clinic study quiet 1
		[ $clinic = a ] || node b destination add pacs \
			--dicom "PACS@127.0.0.1:$pacs" --compress no >/dev/null || exit 1
		${1:-:} $clinic
		check "clinic $clinic starts" start_node $clinic
		check "clinic $clinic joins" join $clinic centre
	done
}
# slow_region RATE [PREPARE]: a centre and a clinic that joined it over a line of
# so many bytes a second. PREPARE NODE comes before its first start.
slow_region() {
	for on in centre clinic; do
		check "a $on is made" new_$on $on
		[ $on = centre ] || set_key clinic study quiet 1
		${2:-:} $on
		check "the $on starts" start_node $on
	done
	line=$(free_port)
	python3 "$LIB/relay.py" "$line" "$HTTPS_centre" "$1" --slow >"$T/relay.out" &
	PIDS="$PIDS $!"
	wait_for 10 grep -q ready "$T/relay.out" || exit 1
	check "the clinic joins over a slow line" join clinic centre "$line"
}
# physicians NODE...: get certificates, which these nodes trust; sign_report STUDY
physicians() {
	check "physicians get their certificates" sh "$LIB/report_pki.sh" "$T/pki"
	for on in "$@"; do
		check "$on trusts them" node "$on" report trust add "$T/pki/ca.pem"
	done
	python3 "$LIB/make_pdf.py" "$T/report.pdf" "CT head: no acute finding." "Dr. Wang"
}
sign_report() {
	node centre report submit --study "$1" --file "$T/report.pdf" \
		--signer "$T/pki/rsa.p12" --passphrase-file "$T/pki/pass"
}
