# cmake -D OUTPUT=x.cpp -D INPUTS=a.json;b.json -P embed.cmake
# Writes the files as raw string literals, in chunks that every compiler takes.
set(out "#include \"data/registry/kinds.h\"\n\nnamespace mw::registry {\nconst char* const embedded_schemas[] = {\n")
list(SORT INPUTS)
foreach(input ${INPUTS})
  file(READ ${input} text)
  string(APPEND out "R\"json(${text})json\",\n")
endforeach()
string(APPEND out "nullptr};\n}  // namespace mw::registry\n")
file(WRITE ${OUTPUT} "${out}")
