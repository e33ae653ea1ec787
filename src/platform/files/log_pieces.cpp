#include "platform/files/log_pieces.h"

#include <algorithm>

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

// Where the last item ends: zeros may come behind it, which were written ahead.
Result<std::uint64_t> end_of_items(File& file) {
    TRY(const auto size, file.size());
    Bytes bytes(static_cast<std::size_t>(size));
    TRY(const auto got, file.read_at(0, bytes));
    bytes.resize(got);
    std::size_t end = std::min(bytes.size(), format::header_bytes);
    for (std::size_t at = end; at < bytes.size();) {
        const auto item = format::item_at(bytes, at);
        if (item) end = at + item->bytes();
        at = item ? end : format::next_item(bytes, at + 1);
    }
    return end;
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
            TRY(const auto bytes, end_of_items(**opened));
            pieces.push_back({name, std::move(*opened), bytes});
        }
        TRY(auto after, segment_names(files, directory));
        if (pieces.size() == names.size() && after == names) return pieces;
        names = std::move(after);
    }
    return Error{Errc::overloaded, directory + " changes too fast to be copied; try again later"};
}

}  // namespace mw::files
