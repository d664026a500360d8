# embed.cmake - cmake -DDIR=config/recognition -DOUT=x.c -DFILES=a.tsv,b.tsv
# -P: files as byte arrays, in this order, and a table of them (rules_private.h).
string(REPLACE "," ";" FILES "${FILES}")
set(arrays "")
set(rows "")
foreach(name ${FILES})
  file(READ "${DIR}/${name}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "[^a-z]" "_" id "${name}")
  string(APPEND arrays "static const unsigned char ${id}[] = {${bytes}};\n")
  string(APPEND rows "\t{(const char *)${id}, sizeof ${id}},\n")
endforeach()
file(WRITE "${OUT}" "/* made by scripts/embed.cmake: config/recognition as it is */
#include \"rules_private.h\"

${arrays}
const struct df_text df_rules_ours[DF_RULES_COUNT] = {
${rows}};
")
