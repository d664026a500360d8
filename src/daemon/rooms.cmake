# The rooms and what each may see (docs/architecture.md).
df_room(supervise df_room df_core df_wire df_os df_base)
df_room(front df_room df_crypto df_core df_wire df_os df_base)
df_room(receive df_room df_crypto df_dicom df_wire df_os df_base)
df_room(queue df_room df_spool df_core df_wire df_os df_base PkgConfig::CJSON)
df_room(keys df_room df_crypto df_core df_wire df_os df_base PkgConfig::CJSON)
# DCMTK brings its own CharLS 1 (libdcmtkcharls), whose JpegLsEncode has the name
# but not the arguments of CharLS 2's: it must come first, or DCMTK calls ours.
df_room(prepare -Wl,--no-as-needed dcmtkcharls df_room df_crypto df_image df_dicom df_wire df_os df_base)
df_room(index df_room df_store df_text df_crypto df_core df_wire df_os df_base PkgConfig::CJSON)
df_room(gateway df_room df_net df_crypto df_core df_wire df_os df_base PkgConfig::CJSON)
df_room(deliver_https df_room df_net df_crypto df_core df_wire df_os df_base PkgConfig::CJSON)
df_room(deliver_dimse df_room df_dicom df_core df_wire df_os df_base)
df_room(console df_room df_core df_wire df_os df_base PkgConfig::CJSON)
