#pragma once
// The page's files as they were when the program was built (embed.cmake writes the table).

#include <span>
#include <string_view>

namespace mw::edge_labels {

struct PageFile {
    std::string_view path;
    std::string_view content_type;
    std::string_view body;
};
std::span<const PageFile> page_files();

}  // namespace mw::edge_labels
