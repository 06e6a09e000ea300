# Writes a C++ file that holds files as byte arrays, so that the one binary needs nothing beside it.
#   cmake -DOUTPUT=out.cpp -DROOT=datasets "-DFILES=a.yaml|digits/b.gz" -DFOLDER=data -P embed.cmake
# The header dlb/FOLDER/embedded.h declares the struct EmbeddedFile and embedded_files() in the folder's namespace.
string(REPLACE "|" ";" files "${FILES}")
set(arrays "")
set(table "")
set(number 0)
foreach(file IN LISTS files)
  file(READ "${ROOT}/${file}" bytes HEX)
  string(LENGTH "${bytes}" digits)
  if(digits EQUAL 0)
    message(FATAL_ERROR "${ROOT}/${file} is empty")
  endif()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}};\n")
  string(APPEND table "    {\"${file}\", {reinterpret_cast<const char*>(kFile${number}), sizeof kFile${number}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"dlb/${FOLDER}/embedded.h\"

namespace dlb::${FOLDER} {
namespace {
${arrays}
const EmbeddedFile kFiles[] = {
${table}};
}  // namespace

std::span<const EmbeddedFile> embedded_files() { return kFiles; }

}  // namespace dlb::${FOLDER}
")
