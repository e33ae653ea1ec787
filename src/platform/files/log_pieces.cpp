#include "platform/files/log_pieces.h"

#include "platform/files/append_log_format.h"
#include "platform/files/files.h"

namespace mw::files {
namespace {

constexpr int tries_max = 100;

Result<std::vector<std::string>> segment_names(Files& files, const std::string& directory) {
    std::vector<std::string> names;
    auto entries = files.list(directory);
    if (!entries && entries.error().code == Errc::not_found) return names;
    if (!entries) return std::move(entries).error();
    for (auto& entry : *entries)
        if (!entry.directory && format::segment_id(entry.name)) names.push_back(entry.name);
    return names;
}

}  // namespace

// A segment gets no more frames once a newer one is there. So when no name came or went while all
// were opened, all but the last are whole, and the last is a beginning of what it will be.
Result<std::vector<LogPiece>> open_log_pieces(Files& files, const std::string& directory) {
    TRY(auto names, segment_names(files, directory));
    for (int i = 0; i < tries_max; ++i) {
        std::vector<LogPiece> pieces;
        for (const auto& name : names) {
            auto opened = files.open(join(directory, name), Mode::read);
            if (!opened && opened.error().code == Errc::not_found) break;  // dropped meanwhile
            if (!opened) return std::move(opened).error();
            TRY(const auto bytes, (*opened)->size());
            pieces.push_back({name, std::move(*opened), bytes});
        }
        TRY(auto after, segment_names(files, directory));
        if (pieces.size() == names.size() && after == names) return pieces;
        names = std::move(after);
    }
    return Error{Errc::overloaded, directory + " changes too fast to be copied; try again later"};
}

}  // namespace mw::files
