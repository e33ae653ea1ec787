# cmake -DOUT=shipped.cpp -DMODULES=folder -P embed.cmake: the update modules that we ship, as text.
file(GLOB names RELATIVE ${MODULES} ${MODULES}/*)
list(SORT names)
set(rows "")
foreach(name ${names})
  file(READ ${MODULES}/${name} body)
  string(APPEND rows "    {\"${name}\", R\"MWMODULE(${body})MWMODULE\"},\n")
endforeach()
file(WRITE ${OUT} "#include \"device/updates/module_installer.h\"\n\nnamespace mw::updates {\nnamespace {\nconstexpr ShippedModule table[] = {\n${rows}};\n}\nstd::span<const ShippedModule> shipped_modules() { return table; }\n}\n")
