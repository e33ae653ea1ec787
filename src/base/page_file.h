#pragma once
// A file of a web page as it was when the program was built (mw_page in cmake/module.cmake).

#include <string_view>

namespace mw {

struct PageFile {
    std::string_view path;
    std::string_view content_type;
    std::string_view body;
};

}  // namespace mw
