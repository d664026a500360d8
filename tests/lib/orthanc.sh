# orthanc.sh - a real PACS; source it after node.sh.

# start_orthanc NAME [AET]: sets ORTHANC_NAME (HTTP port), ORTHANC_DICOM_NAME;
# it knows the modalities in $ORTHANC_KNOWS ("name": ["AET", "host", port], ...)
# and reads and writes texts in $ORTHANC_ENCODING
start_orthanc() {
	http=$(free_port)
	dicom=$(free_port)
	eval "ORTHANC_$1=$http ORTHANC_DICOM_$1=$dicom"
	mkdir -p "$T/outside-orthanc-$1"
	plugins='[]'
	for so in /usr/share/orthanc/plugins/libOrthancDicomWeb.so; do
		[ -f "$so" ] && plugins="[\"$so\"]"
	done
	cat >"$T/orthanc-$1.json" <<JSON
{ "Name": "$1", "StorageDirectory": "$T/outside-orthanc-$1",
  "IndexDirectory": "$T/outside-orthanc-$1", "HttpPort": $http,
  "DicomPort": $dicom, "DicomAet": "${2:-PACS}", "RemoteAccessAllowed": false,
  "AuthenticationEnabled": false, "DicomCheckCalledAet": false,
  "UnknownSopClassAccepted": true, "SaveJobs": false,
  "DefaultEncoding": "${ORTHANC_ENCODING:-Latin1}",
  "OverwriteInstances": false, "StableAge": 1, "Plugins": $plugins,
  "DicomModalities": { ${ORTHANC_KNOWS:-} },
  "DicomWeb": { "Enable": true, "Root": "/dicom-web/" } }
JSON
	LC_ALL=C.UTF-8 Orthanc "$T/orthanc-$1.json" >"$T/orthanc-$1.log" 2>&1 &
	eval "PID_orthanc_$1=$!"
	PIDS="$PIDS $!"
	wait_for 30 curl -sf "http://127.0.0.1:$http/system"
}
# orthanc_count NAME
orthanc_count() {
	eval "p=\$ORTHANC_$1"
	curl -sf "http://127.0.0.1:$p/statistics" | json 'int(j["CountInstances"])'
}
orthanc_has() { [ "$(orthanc_count "$1")" -ge "$2" ]; }
