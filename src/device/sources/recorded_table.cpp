#include "device/sources/recorded_table.h"

#include <fstream>
#include <sstream>

namespace mw::sources {
namespace {

constexpr std::size_t recording_bytes_max = std::size_t{256} << 20;

}  // namespace

Result<std::string> read_recording(const std::string& path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) return Error{Errc::not_found, "cannot read '" + path + "'"};
    if (static_cast<std::size_t>(in.tellg()) > recording_bytes_max)
        return Error{Errc::invalid_input, "'" + path + "' is larger than 256 MB"};
    in.seekg(0);
    std::ostringstream content;
    content << in.rdbuf();
    return std::move(content).str();
}

}  // namespace mw::sources
